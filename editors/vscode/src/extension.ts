// The extension starts `wf lsp`, which does the work, and adds what only an editor can:
// tests are run in a terminal, and the graph of a workflow is shown beside its text.

import { execFile } from "node:child_process";
import * as path from "node:path";
import * as vscode from "vscode";
import { LanguageClient, type LanguageClientOptions, type ServerOptions } from "vscode-languageclient/node";
import { type Test, testsIn } from "./tests";

let client: LanguageClient | undefined;

const settings = () => vscode.workspace.getConfiguration("wf");
const program = () => settings().get<string>("path") || "wf";

export async function activate(context: vscode.ExtensionContext): Promise<void> {
	const graph = new GraphView();
	context.subscriptions.push(
		graph,
		vscode.commands.registerCommand("wf.restart", start),
		vscode.commands.registerCommand("wf.runTest", (file: string, name: string) => runTests(file, name)),
		vscode.commands.registerCommand("wf.runTests", () => {
			const file = vscode.window.activeTextEditor?.document.uri.fsPath;
			if (file) runTests(file);
		}),
		vscode.commands.registerCommand("wf.showGraph", () => {
			const document = vscode.window.activeTextEditor?.document;
			if (document) graph.show(document);
		}),
		vscode.languages.registerCodeLensProvider({ language: "wf", scheme: "file" }, { provideCodeLenses }),
		vscode.workspace.onDidSaveTextDocument((document) => graph.saved(document)),
		vscode.workspace.onDidChangeConfiguration((change) => {
			if (change.affectsConfiguration("wf.path")) void start();
		}),
	);
	await start();
}

export async function deactivate(): Promise<void> {
	await client?.stop();
}

// start starts the language server, in the place of the one that runs.
async function start(): Promise<void> {
	await client?.stop().catch(() => undefined);
	const server: ServerOptions = { command: program(), args: ["lsp", "--stdio"] };
	const documents: LanguageClientOptions = {
		documentSelector: [{ language: "wf" }, ...(settings().get<boolean>("yaml") ? [{ language: "yaml" }] : [])],
		synchronize: { fileEvents: vscode.workspace.createFileSystemWatcher("**/*.{wf,yaml,yml,json}") },
		initializationOptions: { stubHandlers: settings().get<boolean>("stubHandlers"), environment: settings().get<string>("environment") },
	};
	client = new LanguageClient("wf", "wf", server, documents);
	try {
		await client.start();
	} catch (err) {
		client = undefined;
		const change = "Change wf.path";
		const choice = await vscode.window.showErrorMessage(`The program ${program()} could not be started: ${err instanceof Error ? err.message : err}`, change);
		if (choice === change) await vscode.commands.executeCommand("workbench.action.openSettings", "wf.path");
	}
}

// provideCodeLenses offers to run each test, and all of them.
function provideCodeLenses(document: vscode.TextDocument): vscode.CodeLens[] {
	const tests: Test[] = testsIn(document.getText());
	const file = document.uri.fsPath;
	const lenses = tests.map((t) => {
		const at = new vscode.Range(t.line, 0, t.line, 0);
		return new vscode.CodeLens(at, { command: "wf.runTest", title: "▶ run test", arguments: [file, t.name] });
	});
	if (tests.length > 1) {
		lenses.unshift(new vscode.CodeLens(new vscode.Range(0, 0, 0, 0), { command: "wf.runTests", title: `▶ run all ${tests.length} tests` }));
	}
	return lenses;
}

// runTests runs the tests of a file in a terminal: one of them, or all.
function runTests(file: string, name?: string): void {
	const folder = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(file))?.uri.fsPath ?? path.dirname(file);
	const args = ["test", path.relative(folder, file)];
	if (name !== undefined) args.push("--run", `^${name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}( \\[|$)`); // cases have a label in brackets behind the name
	const task = new vscode.Task(
		{ type: "wf", file, name },
		vscode.TaskScope.Workspace,
		name ?? path.basename(file),
		"wf test",
		new vscode.ProcessExecution(program(), args, { cwd: folder }),
	);
	task.presentationOptions = { clear: true, reveal: vscode.TaskRevealKind.Always, panel: vscode.TaskPanelKind.Dedicated };
	void vscode.workspace.saveAll(false).then(() => vscode.tasks.executeTask(task));
}

// GraphView shows the graph of one workflow beside its text, as of the last save.
class GraphView implements vscode.Disposable {
	private panel: vscode.WebviewPanel | undefined;
	private file = "";
	private drawn = 0; // how often something was drawn; an older picture never covers a newer one

	show(document: vscode.TextDocument): void {
		this.file = document.uri.fsPath;
		if (!this.panel) {
			this.panel = vscode.window.createWebviewPanel("wf.graph", "wf", { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true }, { enableScripts: false });
			this.panel.onDidDispose(() => {
				this.panel = undefined;
			});
		}
		this.panel.title = `Graph: ${path.basename(this.file)}`;
		this.panel.reveal(undefined, true);
		void this.draw();
	}

	// saved draws anew: what was saved may be the file itself, or one that it imports.
	saved(document: vscode.TextDocument): void {
		if (this.panel && /\.(wf|ya?ml)$/.test(document.fileName)) void this.draw();
	}

	dispose(): void {
		this.panel?.dispose();
	}

	private async draw(): Promise<void> {
		const turn = ++this.drawn;
		const names = workflowsIn((await vscode.workspace.openTextDocument(this.file)).getText());
		const pictures = await Promise.all((names.length > 1 ? names : [""]).map((name) => this.picture(name)));
		if (this.panel && turn === this.drawn) this.panel.webview.html = page(pictures);
	}

	private picture(workflow: string): Promise<{ title: string; svg?: string; problem?: string }> {
		const args = ["graph", this.file, "--format", "svg", ...(workflow ? ["--workflow", workflow] : [])];
		return new Promise((resolve) => {
			execFile(program(), args, { maxBuffer: 1 << 28 }, (err, stdout, stderr) => {
				resolve(err ? { title: workflow, problem: stderr || err.message } : { title: workflow, svg: stdout });
			});
		});
	}
}

function workflowsIn(text: string): string[] {
	return [...text.matchAll(/^[ \t]*workflow[ \t]+([\p{L}\d_.]+)/gmu)].map((m) => m[1]);
}

// page is what the view shows: the pictures, or why there are none.
function page(pictures: { title: string; svg?: string; problem?: string }[]): string {
	const escape = (text: string) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;");
	const parts = pictures.map((p) => `${p.title ? `<h3>${escape(p.title)}</h3>` : ""}${p.svg ? p.svg.replace(/^[^]*?(?=<svg)/, "") : `<pre>${escape(p.problem ?? "")}</pre>`}`);
	return `<!DOCTYPE html><html><head><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:;"></head>
<body style="padding: 1em">${parts.join("\n")}</body></html>`;
}
