// Shows that merging keeps the version of a message that is further along.
import { expect, it } from "vitest";
import { broken, continued, newAnswer, revived, stopped, type Answer } from "./answer.ts";
import type { Head, Message } from "./conversation.ts";
import { furtherMessage, mergeMessages, patchHead } from "./merge.ts";

const at = (lastIndex: number, more: Partial<Answer> = {}): Answer => ({
  ...newAnswer("turn-1", "job-1", 0),
  phase: "streaming",
  text: "x".repeat(lastIndex + 1),
  lastIndex,
  ...more,
});
const lost = { code: "unreachable", message: "" } as const;
const head: Head = { id: "c", updatedAt: 5, title: "t", settings: { system: "", sampling: {} }, chosen: { a: "b" } };

/** Compares both versions in both orders, because the order must not matter. */
function expectFurther(further: Answer, other: Answer): void {
  expect(furtherMessage(further, other)).toBe(further);
  expect(furtherMessage(other, further)).toBe(further);
}

it("takes the answer with more tokens, or with equal tokens the answer that has ended", () => {
  expectFurther(at(7), at(5));
  expectFurther(at(7), broken(at(5), lost));
  expectFurther(at(5, { phase: "done" }), at(5));
  expectFurther(stopped(at(5)), at(5));
  expectFurther(at(5, { phase: "done" }), broken(at(5), lost));
});

it("takes the answer with more tries; between answers of the same job, the higher index decides first", () => {
  expectFurther(revived(broken(at(5), lost)), broken(at(5), lost));
  expectFurther(at(7), revived(broken(at(5), lost)));
  expectFurther(continued(stopped(at(5)), "job-2", 1), at(9));
  expectFurther(continued(at(5, { phase: "done" }), "job-3", 1), continued(at(4, { phase: "done" }), "job-2", 1));
});

it("returns all messages of both versions, and the same object if there is no new message", () => {
  const said: Message = { role: "user", id: "turn-0", text: "a", sentAt: 0 };
  const ours = [said, at(5)];
  expect(mergeMessages(ours, [at(3), { ...said, text: "b" }])).toBe(ours);
  expect(mergeMessages(ours, [at(8)])).toEqual([said, at(8)]);
  expect(mergeMessages([], ours)).toEqual(ours);
});

it("changes a head field by field", () => {
  const pinned = patchHead(head, { pinned: true, chosen: { c: "d" } });
  expect(pinned).toEqual({ ...head, pinned: true, chosen: { a: "b", c: "d" } });
  expect(patchHead(pinned, { pinned: undefined, updatedAt: 3 })).toEqual({ ...head, chosen: { a: "b", c: "d" } });
});
