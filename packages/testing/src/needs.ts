// Owns what some tests need and a machine may lack. Without it, such a test is skipped; the end of the run says how many tests were, and why.
import { hasAddon } from "@waggle/engine-llama/addon-file";
import type { TestOptions } from "vitest";
import { hasProgram } from "./harness/processes/nats.ts";
import { packageManager } from "./harness/processes/repository.ts";

declare module "vitest" {
  interface TaskMeta {
    /** Why the test is skipped, for example "nats-server: apt-get install nats-server". */
    missing?: string;
  }
}

interface NeedRow {
  isMet(): boolean;
  /** What to do on a machine without it. */
  readonly remedy: string;
  /** If true, tests that need it fail without it instead of being skipped. */
  isRequired?(): boolean;
}

const isCi = (): boolean => process.env["CI"] !== undefined;
const isAddonRequired = (): boolean => process.env["WAGGLE_ADDON"] === "required";
const compilers = ["c++", "g++", "clang++"];
const pnpm = `npx --yes ${packageManager}`;

const needRows = {
  "nats-server": {
    isMet: () => hasProgram("nats-server"),
    remedy: "apt-get install nats-server",
    isRequired: isCi,
  },
  git: { isMet: () => hasProgram("git"), remedy: "apt-get install git", isRequired: isCi },
  lsof: { isMet: () => hasProgram("lsof"), remedy: "apt-get install lsof", isRequired: isCi },
  "a C++ compiler and git": {
    isMet: () => compilers.some(hasProgram) && hasProgram("git"),
    remedy: "apt-get install g++ git",
    isRequired: isAddonRequired,
  },
  "Waggle's addon": {
    isMet: hasAddon,
    remedy: `apt-get install g++ git, then ${pnpm} xtask engine:build`,
    isRequired: isAddonRequired,
  },
  "Linux or macOS": { isMet: () => process.platform !== "win32", remedy: "use Linux or macOS" },
  Linux: { isMet: () => process.platform === "linux", remedy: "use Linux" },
  "a user other than root": { isMet: () => process.getuid?.() !== 0, remedy: "log in as another user" },
  "a long run": { isMet: () => process.env["WAGGLE_LONG"] === "1", remedy: `${pnpm} test:long` },
} satisfies Record<string, NeedRow>;

export type Need = keyof typeof needRows;

/** Whether this machine lacks what a test needs, and the test may be skipped. */
export function lacks(need: Need): boolean {
  const row: NeedRow = needRows[need];
  return !(row.isRequired?.() ?? false) && !row.isMet();
}

/** Options of a test or a suite that is skipped on a machine without `need`. */
export function needs(need: Need): TestOptions {
  return lacks(need) ? { skip: true, meta: { missing: `${need}: ${needRows[need].remedy}` } } : {};
}
