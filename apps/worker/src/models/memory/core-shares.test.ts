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

test("models with jobs share the cores, and idle models get no limit", () => {
  const hosts = [host("ready", 1), host("ready", 3), host("ready", 0), host("loading", 2)];
  createCoreShares(8, () => hosts)();
  expect(hosts.map(({ told }) => told)).toEqual([[4], [4], [], []]);
});

test("a single busy model has all cores, and each model has at least one core", () => {
  const one = host("ready", 1);
  createCoreShares(8, () => [one])();
  const many = Array.from({ length: 3 }, () => host("ready", 1));
  createCoreShares(2, () => many)();
  expect([one.told, many[2]?.told]).toEqual([[undefined], [1]]);
});
