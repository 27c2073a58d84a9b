// Tests how times are read, on this machine's clock.
import type { PastQuery } from "@waggle/client";
import { expect, it } from "vitest";
import { pastQueryOf } from "./past-words.ts";

/** Local time, so that the test holds in every zone. */
const local = (day: number, hours: number, minutes = 0): number => new Date(2026, 0, day, hours, minutes).getTime();
const now = local(31, 9);

function read(given: Readonly<Record<string, string | undefined>>): PastQuery {
  return pastQueryOf({ args: [], text: (name) => given[name], list: () => [], has: () => false }, now);
}

it.each<[since: string | undefined, until: string | undefined, from: number | undefined, to: number | undefined]>([
  ["08:30", undefined, local(31, 8, 30), undefined],
  ["8:30", "8:45", local(31, 8, 30), local(31, 8, 45)],
  // Yesterday: ten o'clock is not yet.
  ["10:00", "10:15", local(30, 10), local(30, 10, 15)],
  ["23:50", "00:10", local(30, 23, 50), local(31, 0, 10)],
  [undefined, "10:15", undefined, local(30, 10, 15)],
  ["2h", "30min", local(31, 7), local(31, 8, 30)],
  ["1d", undefined, local(30, 9), undefined],
  ["2026-01-30", "2026-01-30 12:00", local(30, 0), local(30, 12)],
  ["2026-01-30T10:00:00Z", undefined, Date.UTC(2026, 0, 30, 10), undefined],
])("--since %s --until %s", (since, until, from, to) => {
  const query = read({ since, until });
  const ms = (iso: string | undefined): number | undefined => (iso === undefined ? undefined : Date.parse(iso));
  expect([ms(query.since), ms(query.until)]).toEqual([from, to]);
});

it.each(["25:00", "10:60", "2026-02-30", "2026-13-01", "2026-01-31T25:00", "2 h", "-1h", "now", ""])(
  "refuses --since %j",
  (since) => {
    expect(() => read({ since })).toThrow(`Cannot use --since "${since}"`);
  },
);
