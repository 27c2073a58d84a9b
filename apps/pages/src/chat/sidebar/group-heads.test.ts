// Shows the groups of conversations, their order, and the words for a day.
import { expect, it } from "vitest";
import type { Head } from "../conversation/conversation.ts";
import { dayWords, groupHeads } from "./group-heads.ts";

it("lists pinned conversations first, then by day, newest first", () => {
  const now = new Date(2024, 4, 20, 12).getTime();
  const head = (id: string, updatedAt: Date, more: Partial<Head> = {}): Head => ({
    id,
    updatedAt: updatedAt.getTime(),
    title: id,
    settings: { system: "", sampling: {} },
    chosen: {},
    ...more,
  });
  const groups = groupHeads(
    [
      head("long ago", new Date(2023, 0, 1)),
      head("pinned", new Date(2022, 0, 1), { pinned: true }),
      head("midnight", new Date(2024, 4, 20)),
      head("just before", new Date(2024, 4, 19, 23, 59, 59)),
      head("noon", new Date(2024, 4, 20, 12)),
      head("a week ago", new Date(2024, 4, 13)),
      head("before", new Date(2024, 4, 12, 23)),
      head("two days ago", new Date(2024, 4, 18, 23)),
    ],
    now,
  );
  expect(groups.map(({ name, heads }) => [name, heads.map(({ id }) => id)])).toEqual([
    ["Pinned", ["pinned"]],
    ["Today", ["noon", "midnight"]],
    ["Yesterday", ["just before"]],
    ["Previous 7 days", ["two days ago", "a week ago"]],
    ["May", ["before"]],
    ["January 2023", ["long ago"]],
  ]);
});

it("names a day by its distance or its date", () => {
  const now = new Date(2024, 4, 20, 12).getTime();
  const days = [new Date(2024, 4, 20), new Date(2024, 4, 19), new Date(2024, 4, 13), new Date(2023, 0, 1)];
  expect(days.map((day) => dayWords(day.getTime(), now))).toEqual(["Today", "Yesterday", "Mon 13 May", "1 Jan 2023"]);
});
