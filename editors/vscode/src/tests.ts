// Test is a test of a file: the line where it begins, from 0, and its name.
export interface Test {
	line: number;
	name: string;
}

// testsIn lists the tests of a file: lines that begin with test "…".
export function testsIn(text: string): Test[] {
	const out: Test[] = [];
	text.split("\n").forEach((line, number) => {
		const m = /^\s*test\s+("(?:[^"\\]|\\.)*")/.exec(line);
		if (!m) return;
		try {
			out.push({ line: number, name: JSON.parse(m[1].replace(/\\\$/g, "$")) as string });
		} catch {
			// no string; the language server says so
		}
	});
	return out;
}
