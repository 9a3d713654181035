// The extension is started in an editor that is made up of nothing: it must load, announce
// its commands, and find the tests of a file.
const assert = require("node:assert");
const fs = require("node:fs");
const Module = require("node:module");
const path = require("node:path");
const test = require("node:test");

const manifest = JSON.parse(fs.readFileSync(path.join(__dirname, "../package.json"), "utf8"));

// anything stands for whatever of the editor's interface does not matter here.
function anything(known = {}) {
	const target = function () {};
	return new Proxy(target, {
		get: (_, name) => (name in known ? known[name] : name === "then" ? undefined : name === Symbol.toPrimitive ? () => 0 : name === "prototype" ? target.prototype : anything()),
		ownKeys: () => [...Reflect.ownKeys(target), ...Object.keys(known)],
		getOwnPropertyDescriptor: (_, name) => (name in known ? { configurable: true, enumerable: true, value: known[name] } : Reflect.getOwnPropertyDescriptor(target, name)),
		apply: () => anything(),
		construct: () => anything(),
	});
}

class Range {
	constructor(...at) {
		this.at = at;
	}
}
class CodeLens {
	constructor(range, command) {
		Object.assign(this, { range, command });
	}
}

const commands = {};
let lenses;
const vscode = anything({
	Range,
	CodeLens,
	version: "1.82.0",
	commands: { registerCommand: (name, run) => { commands[name] = run; return anything(); }, executeCommand: async () => undefined },
	languages: anything({ registerCodeLensProvider: (_, provider) => { lenses = provider; return anything(); } }),
	workspace: anything({ getConfiguration: () => ({ get: (name) => ({ path: "/there/is/no/wf" })[name] }), workspaceFolders: undefined }),
	window: anything({ showErrorMessage: async () => undefined }),
});

const load = Module._load;
Module._load = (name, ...rest) => (name === "vscode" ? vscode : load(name, ...rest));
const extension = require("../dist/extension.js");

test("commands", async () => {
	await extension.activate({ subscriptions: [] });
	assert.deepStrictEqual(Object.keys(commands).sort(), manifest.contributes.commands.map((c) => c.command).sort());
});

test("tests of a file", async () => {
	const text = 'import "a.wf"\n\ntest "one" {\n  run a\n}\n  test "with \\"quotes\\" and \\${x}" for x in [1] {\n}\nlet test = "no"\n';
	const found = lenses.provideCodeLenses({ getText: () => text, uri: { fsPath: "/x/a_test.wf" } });
	assert.deepStrictEqual(found.map((l) => [l.range.at[0], l.command.command, l.command.arguments?.[1]]), [
		[0, "wf.runTests", undefined],
		[2, "wf.runTest", "one"],
		[5, "wf.runTest", 'with "quotes" and ${x}'],
	]);
});
