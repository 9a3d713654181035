// The grammar is held against files: every one that ships is coloured without an error, and
// samples of each construct get the scopes that they should.
const assert = require("node:assert");
const fs = require("node:fs");
const path = require("node:path");
const test = require("node:test");
const oniguruma = require("vscode-oniguruma");
const textmate = require("vscode-textmate");

const root = path.join(__dirname, "../../..");
const grammarFile = path.join(__dirname, "../syntaxes/wf.tmLanguage.json");

const loaded = (async () => {
	await oniguruma.loadWASM(fs.readFileSync(require.resolve("vscode-oniguruma/release/onig.wasm")).buffer);
	const registry = new textmate.Registry({
		onigLib: Promise.resolve({ createOnigScanner: (p) => new oniguruma.OnigScanner(p), createOnigString: (s) => new oniguruma.OnigString(s) }),
		loadGrammar: async () => textmate.parseRawGrammar(fs.readFileSync(grammarFile, "utf8"), grammarFile),
	});
	return registry.loadGrammar("source.wf");
})();

// tokens lists the words of a text with their innermost scopes.
async function tokens(text) {
	const grammar = await loaded;
	const out = [];
	let stack = textmate.INITIAL;
	text.split("\n").forEach((line, number) => {
		const r = grammar.tokenizeLine(line, stack);
		stack = r.ruleStack;
		for (const t of r.tokens) {
			const word = line.slice(t.startIndex, t.endIndex);
			if (word.trim()) out.push({ line: number + 1, word: word.trim(), scope: t.scopes[t.scopes.length - 1], scopes: t.scopes });
		}
	});
	out.depth = depth(stack);
	return out;
}

// depth is how many rules are open at the end of a file.
function depth(stack) {
	let n = 0;
	for (let s = stack; s; s = s.parent) n++;
	return n;
}

function filesUnder(dir, out = []) {
	for (const e of fs.readdirSync(dir, { withFileTypes: true })) {
		const full = path.join(dir, e.name);
		if (e.isDirectory()) filesUnder(full, out);
		else if (e.name.endsWith(".wf")) out.push(full);
	}
	return out;
}

const files = filesUnder(path.join(root, "workflows"));
assert(files.length > 10, "there are shipped files");

for (const file of files) {
	test(path.relative(root, file), async () => {
		const list = await tokens(fs.readFileSync(file, "utf8"));
		const bad = list.filter((t) => t.scopes.some((s) => s.startsWith("invalid.")));
		assert.deepStrictEqual(bad.map((t) => `${t.line}: ${t.word}: ${t.scope}`), []);
		assert.strictEqual(list.depth, 1, "a rule is still open at the end");
	});
}

// Each word of a sample, with the end of its scope where one is expected.
const samples = [
	['workflow a.b { step x after y when input.z { call s.o { k: 1 } } }', { workflow: "storage.type", step: "storage.type", x: "entity.name.function", after: "keyword.control", y: "entity.name.function", when: "keyword.control", input: "variable.language", call: "keyword.control", k: "variable.other.property" }],
	['workflow w {\n  input { step string, on? secret bool = true, n int min 3 max 5 }\n  step a { return 1 }\n}', { on: "variable.other.property", secret: "storage.modifier", min: "storage.modifier", true: "constant.language", string: "support.type", return: "keyword.control" }],
	['workflow w { step a { retry 3 attempts, backoff 1s to 5s, jitter 20%\n call s.o } }', { retry: "keyword.other", attempts: "keyword.other", backoff: "keyword.other", to: "keyword.other", jitter: "keyword.other", "20%": "constant.numeric.percent", "1s": "constant.numeric.duration" }],
	['workflow w { step a { call s.o\n on 404, timeout when body.x > 1 { fail NONE "no ${body.y}" } } }', { on: "keyword.control", 404: "constant.numeric.status", timeout: "constant.language.outcome", fail: "keyword.control", NONE: "variable.other.enummember", body: "variable.language", y: "variable.other.property" }],
	['workflow w { step a { call s.o\n undo until b, c { call s.p { k: 1 } } } }', { undo: "keyword.control", until: "keyword.control", b: "entity.name.function", c: "entity.name.function", k: "variable.other.property" }],
	['service s { operation o idempotent { http GET "/x"\n input { a [string nonempty] }\n 200 { b "c" | "d" }\n SOLD_OUT } }', { service: "storage.type", operation: "storage.type", idempotent: "storage.modifier", GET: "constant.language.method", nonempty: "storage.modifier", SOLD_OUT: "variable.other.enummember" }],
	['service s {\n  limit 5 per 1s\n  breaker 5 failures in 10s, open 30s\n  operation o { 200 }\n}', { limit: "keyword.other", per: "keyword.other", breaker: "keyword.other", failures: "keyword.other", open: "keyword.other", operation: "storage.type" }],
	['invariant "x" for w {\n  never call s.o unless a completed and s.p took effect\n  at most 1 effect of s.o\n  if a failed then finally run completed\n}', { invariant: "storage.type", never: "keyword.control", unless: "keyword.control", completed: "constant.language.ending", "took effect": "constant.language.ending", "at most": "keyword.control", effect: "keyword.other", of: "keyword.other", "then finally": "keyword.control" }],
	['test "x" {\n  run w { a: 1 }\n  expect failed NONE\n  expect len(calls(s.o)) == 1 and x.y matches "a"\n}', { test: "storage.type", run: "keyword.control", expect: "keyword.control", failed: "constant.language.ending", len: "support.function", and: "keyword.operator.word", matches: "keyword.operator.word" }],
	['mock s.o {\n  when input.a == 1 { 200 { b: 2 } after 5s times 2 }\n  503 always\n}', { mock: "storage.type", when: "keyword.control", after: "keyword.other", times: "keyword.other", always: "keyword.other", 503: "constant.numeric.status" }],
	['workflow w {\n  stpe a { call s.o }\n}', { stpe: "invalid.illegal" }],
	["workflow w { step a { let x = 'y'\n let z = 1; } }", { "'y'": "invalid.illegal", ";": "invalid.illegal" }],
];

samples.forEach(([text, want], i) => {
	test(`sample ${i + 1}`, async () => {
		const list = await tokens(text);
		for (const [word, scope] of Object.entries(want)) {
			const found = list.filter((t) => t.word === word).map((t) => t.scope);
			assert(found.some((s) => s.startsWith(scope)), `${word} is ${found.join(", ") || "not a token"}, want ${scope} in\n${text}\n${list.map((t) => `${t.word}:${t.scope}`).join("  ")}`);
		}
		if (!Object.values(want).some((s) => s.startsWith("invalid"))) {
			assert.deepStrictEqual(list.filter((t) => t.scope.startsWith("invalid.")).map((t) => t.word), []);
		}
	});
});
