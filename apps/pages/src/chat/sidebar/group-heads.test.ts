// Shows the groups of conversations and their order.
import { expect, it } from "vitest";
import type { Head } from "../conversation/conversation.ts";
import { groupHeads } from "./group-heads.ts";

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
      head("two days ago", new Date(2024, 4, 18, 23)),
    ],
    now,
  );
  expect(groups.map(({ name, heads }) => [name, heads.map(({ id }) => id)])).toEqual([
    ["Pinned", ["pinned"]],
    ["Today", ["noon", "midnight"]],
    ["Yesterday", ["just before"]],
    ["Earlier", ["two days ago", "long ago"]],
  ]);
});
