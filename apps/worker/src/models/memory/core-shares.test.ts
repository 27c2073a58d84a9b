import { expect, test } from "vitest";
import { createCoreShares } from "./core-shares.ts";
import type { ModelHost } from "../run/model-host-port.ts";

interface FakeHost extends ModelHost {
  readonly told: (number | undefined)[];
}

function host(state: string, liveCount: number): FakeHost {
  const told: (number | undefined)[] = [];
  return {
    told,
    state: { name: state },
    registry: { liveCount },
    limitThreads: (most: number | undefined) => told.push(most),
  } as unknown as FakeHost;
}

test("those that have jobs share the cores, and the others have no part in it", () => {
  const hosts = [host("ready", 1), host("ready", 3), host("ready", 0), host("loading", 2)];
  createCoreShares(8, () => hosts).update();
  expect(hosts.map(({ told }) => told)).toEqual([[4], [4], [], []]);
});

test("a model that is alone has all cores, and no model fewer than one", () => {
  const one = host("ready", 1);
  createCoreShares(8, () => [one]).update();
  const many = Array.from({ length: 3 }, () => host("ready", 1));
  createCoreShares(2, () => many).update();
  expect([one.told, many[2]?.told]).toEqual([[undefined], [1]]);
});
