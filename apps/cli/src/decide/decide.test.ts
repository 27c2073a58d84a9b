import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WaggleError } from "@waggle/protocol";
import { describe, expect, it } from "vitest";
import { InterruptedError } from "../cli-error.ts";
import { startFakeWorker } from "../testing/fake-worker.ts";
import { runCommand, type CommandOptions, type CommandResult } from "../testing/run-command.ts";

const usage = { input_tokens: 48, output_tokens: 0 };
const mail = { stdin: "It came broken.\n" };

/** Runs the command at a worker that gives this answer. @returns the result, and the body that the worker got */
async function decide(answer: unknown, argv: readonly string[], options: CommandOptions = mail) {
  const routes = { "POST /v1/decisions": answer instanceof WaggleError ? answer : { answers: [answer], usage } };
  await using worker = await startFakeWorker({ routes });
  const result: CommandResult = await runCommand(["decide", "What now?", ...argv, "--url", worker.url], options);
  return { ...result, body: worker.asked.find(([, path]) => path === "/v1/decisions")?.[2] };
}

const options = (...shares: readonly number[]) => shares.map((probability, i) => ({ value: `v${i}`, probability }));

describe("waggle decide", () => {
  it("asks for yes or no, and prints both probabilities", async () => {
    const { body, ...result } = await decide(
      { type: "predicate", name: null, probability: 0.75, x_label_mass: 0.5 },
      [],
    );
    const out = `${["   option  probability", "*  yes          75.0 %  ██████████████████░░░░░░", "   no           25.0 %  ██████░░░░░░░░░░░░░░░░░░"].join("\n")}\n`;
    expect(result).toEqual({ code: 0, out, err: "" });
    const questions = [{ type: "predicate", instructions: "What now?" }];
    expect(body).toEqual({ model: "bee", input: "It came broken.", questions });
  });

  it("asks for a choice, marks the first of the best options, and warns of a low label mass", async () => {
    const answer = { type: "choice", confidence: 0.1, probabilities: options(0.2, 0.4, 0.4), x_label_mass: 0.123 };
    const flags = ["--choice", "a", "--choice", "b=be=have", "--choice", "v2", "--orders", "2", "--text"];
    const { out, err, body } = await decide(answer, flags);
    expect(out.split("\n").map((line) => line.slice(0, 5))).toEqual(["   op", "   v0", "*  v1", "   v2", "confi", ""]);
    expect(out).toContain("confidence  10.0 %\n");
    expect(err).toBe("The model gave the options only 12.3 % of its probability: the answer may mean little.\n");
    const choices = [{ value: "a" }, { value: "b", description: "be=have" }, { value: "v2" }];
    expect(body).toMatchObject({ questions: [{ type: "choice", choices }], orders: 2, scoring: "text" });
  });

  it("asks for a level of a scale", async () => {
    const probabilities = ["calm", "cross"].map((label, value) => ({ value, label, probability: value }));
    const answer = { type: "score", score: 1, confidence: 1, probabilities };
    const { out, body } = await decide(answer, ["--level", "calm", "--level", "cross"]);
    expect(out).toMatch(/\n\* {2}cross +100.0 % {2}█+\nscore +1.00 of 1\nconfidence +100.0 %\n$/);
    expect(body).toMatchObject({ questions: [{ type: "score", levels: [{ label: "calm" }, { label: "cross" }] }] });
  });

  it("reads stdin and then the files, and prints the response with --json", async () => {
    const folder = mkdtempSync(join(tmpdir(), "waggle-decide-"));
    const [first, second] = ["first.txt", "second.txt"].map((name) => join(folder, name)) as [string, string];
    writeFileSync(first, "One.\n");
    writeFileSync(second, "Two.\n");
    const answer = { type: "predicate", probability: 1, x_label_mass: 0.1 };
    const { out, err, body } = await decide(answer, ["--file", first, "--file", second, "--json"]);
    expect([JSON.parse(out), err]).toEqual([{ answers: [answer], usage }, ""]);
    expect(body).toMatchObject({ input: "It came broken.\n\nOne.\n\nTwo." });
    const missing = join(folder, "third.txt");
    expect(await decide(answer, ["--file", missing])).toMatchObject({
      code: 1,
      err: expect.stringContaining(missing) as string,
    });
  });

  it("reports the worker's error, and a response without an answer", async () => {
    const refused = new WaggleError("invalid_argument", "Cannot decide: the model ranks documents.");
    expect(await decide(refused, [])).toMatchObject({ code: 64, err: `waggle: ${refused.message}\n` });
    const err = "waggle: The worker's response has no answer.\n";
    expect(await decide({ type: "refusal" }, [])).toMatchObject({ code: 1, err });
  });

  it("ends the request when it is interrupted", async () => {
    const interrupt = new AbortController();
    const answer = (): void => interrupt.abort(new InterruptedError());
    await using worker = await startFakeWorker({ routes: { "POST /v1/decisions": answer } });
    const argv = ["decide", "What now?", "--url", worker.url];
    expect(await runCommand(argv, { ...mail, signal: interrupt.signal })).toEqual({ code: 130, out: "", err: "" });
  });

  it.each([
    [[], "", "The text to decide on is missing: pipe it to stdin, or name a file with --file."],
    [["--level", "a"], "x", "One option is no choice: name at least two with --choice or --level."],
    [
      ["--choice", "a", "--level", "b"],
      "x",
      "Cannot use --choice and --level in one question: options have no order, and levels have one.",
    ],
    [["--orders", "3"], "x", "Cannot use --orders 3: use 1 or 2."],
  ])("refuses %j with %j on stdin", async (argv, stdin, message) => {
    expect(await decide({}, argv, { stdin })).toEqual({
      code: 64,
      out: "",
      err: `waggle: ${message}\n`,
      body: undefined,
    });
  });
});
