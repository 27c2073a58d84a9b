import { expect, test } from "vitest";
import { usableCores } from "./machine.ts";

function files(contents: Record<string, string>): (path: string) => string {
  return (path) => {
    const text = contents[path];
    if (text === undefined) throw new Error(`ENOENT ${path}`);
    return text;
  };
}

test.each([
  ["no control groups", {}, 8],
  ["no quota", { "/sys/fs/cgroup/cpu.max": "max 100000\n" }, 8],
  ["a quota of two cores", { "/sys/fs/cgroup/cpu.max": "200000 100000\n" }, 2],
  ["a quota of one and a half cores", { "/sys/fs/cgroup/cpu.max": "150000 100000\n" }, 1],
  ["a quota of half a core", { "/sys/fs/cgroup/cpu.max": "50000 100000\n" }, 1],
  ["a quota above the number of cores", { "/sys/fs/cgroup/cpu.max": "6400000 100000\n" }, 8],
  [
    "version 1, no quota",
    { "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n", "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n" },
    8,
  ],
  [
    "version 1, a quota",
    { "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "300000\n", "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n" },
    3,
  ],
])("%s", (_, contents, cores) => {
  expect(usableCores(8, files(contents))).toBe(cores);
});
