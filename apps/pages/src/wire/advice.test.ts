// Shows that each error code has a distinct text, with what failed, what to do, and which buttons can help.
import { WaggleError, errorCodes } from "@waggle/protocol";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { adviseOn } from "./advice.ts";
import { responseProblem, retryAtOf, unreachable, type Problem } from "./problem.ts";

const now = 1_700_000_000_000;

describe.each([...errorCodes, "unreachable", "gone"] as const)("%s", (code) => {
  it("has a title and something to do, and neither is the code", () => {
    const { title, todo } = adviseOn({ code, message: "Cannot do it." });
    expect(title.length).toBeGreaterThan(8);
    expect(todo.length).toBeGreaterThan(20);
    expect(`${title} ${todo}`).not.toContain("_");
  });
});

it("each code has a different title", () => {
  const codes: readonly Problem["code"][] = [...errorCodes, "unreachable", "gone"];
  expect(new Set(codes.map((code) => adviseOn({ code, message: "" }).title)).size).toBe(codes.length);
});

it("leaves the wait to the countdown if the server gave a time, whatever its message contains", () => {
  const message = "Cannot accept the job: the queue is full (4). Retry in 3 s.";
  const busy: Problem = { code: "resource_exhausted", message };
  expect(adviseOn(busy).todo).toContain(message);
  expect(adviseOn({ ...busy, retryAt: now + 3_000 }).todo).not.toContain("3 s");
});

it("reads the wait from the Retry-After header, and ignores dates", async () => {
  expect(retryAtOf("7", now)).toBe(now + 7_000);
  expect([retryAtOf(null, now), retryAtOf("Wed, 21 Oct 2026 07:28:00 GMT", now)]).toEqual([undefined, undefined]);
  const refusal = new WaggleError("resource_exhausted", "Cannot accept the job.", { details: { quota: "x" } });
  const answer = Response.json(refusal.toBody(), { status: 429, headers: { "retry-after": "60" } });
  vi.useFakeTimers({ now, toFake: ["Date"] });
  onTestFinished(() => void vi.useRealTimers());
  const problem = await responseProblem(answer);
  expect(problem).toMatchObject({ code: "resource_exhausted", details: { quota: "x" } });
  expect(problem.retryAt).toBe(now + 60_000);
});

it("names a refused setting as on the page, and leads to it", () => {
  const details = { problems: [{ field: "json_schema", problem: 'keyword "$dynamicRef" is not supported' }] };
  expect(adviseOn({ code: "invalid_argument", message: "Cannot accept it.", details })).toEqual({
    title: "The server refused a setting: JSON schema",
    todo: 'Keyword "$dynamicRef" is not supported. Change it in Settings, then try again.',
    remedies: ["settings", "retry"],
    calm: false,
  });
});

it("names a refused field that is no setting as in the request", () => {
  const details = { problems: [{ field: "messages.3.content", problem: "must not be empty" }] };
  const { todo } = adviseOn({ code: "invalid_argument", message: "Cannot accept it.", details });
  expect(todo).toBe("messages.3.content: Must not be empty.");
});

it("gives a message's length and the model's context", () => {
  const details = { n_prompt_tokens: 9_000, n_ctx: 4_096 };
  const { title, todo } = adviseOn({ code: "invalid_argument", message: "Cannot accept it.", details });
  expect(title).toBe("The message is too long for the model");
  expect(todo).toContain("9,000 tokens");
  expect(todo).toContain("holds 4,096");
});

it("names the quota that is used up", () => {
  const details = { quota: "tokens_per_day" };
  expect(adviseOn({ code: "resource_exhausted", message: "x", details }).title).toBe(
    "Your quota is used up: tokens per day",
  );
});

it("offers only what can help: no retry of a message that is too long", () => {
  const remediesFor = (problem: Omit<Problem, "message">): unknown => adviseOn({ message: "x", ...problem }).remedies;
  const details = { n_prompt_tokens: 9_000, n_ctx: 4_096 };
  expect(remediesFor({ code: "invalid_argument", details })).toEqual(["edit"]);
  expect(remediesFor({ code: "payload_too_large" })).toEqual(["edit"]);
  expect(remediesFor({ code: "not_found" })).toEqual(["models", "retry"]);
  expect(remediesFor({ code: "unauthenticated" })).toEqual(["token", "retry"]);
  expect(remediesFor({ code: "engine_failed" })).toEqual(["retry"]);
});

it.each(["from_the_future", "__proto__", "toString"])("an unknown code counts as an internal error: %s", (code) => {
  const problem = { ...unreachable, code } as unknown as Problem;
  expect(adviseOn(problem).title).toBe("Something went wrong in the server");
});

it("gives the server's limit that a message exceeds", () => {
  const problem: Problem = {
    code: "payload_too_large",
    message: "Cannot accept picture 3: the limit of different pictures in a request is 2 (--max-pictures).",
  };
  expect(adviseOn(problem).todo).toBe(`${problem.message} Shorten it, or remove attachments.`);
  const details = { max_bytes: 4_000_000 };
  expect(adviseOn({ ...problem, details }).todo).toBe(
    "The server accepts at most 4.0 MB. Shorten it, or remove attachments.",
  );
});
