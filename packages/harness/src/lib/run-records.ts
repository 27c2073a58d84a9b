// Owns the record of what an xtask process has started, in a file that outlives it: so `ports --free` ends nothing that is not ours.
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import type { ProcessEntry } from "./processes.ts";

/** A process that xtask started as the leader of its own group. */
export interface StartedProcess {
  readonly name: string;
  readonly pid: number;
  /** As the process table has it; tells the process from a later one with the same id. */
  readonly startedAt: string;
}

export interface RunRecord {
  readonly xtaskPid: number;
  readonly started: readonly StartedProcess[];
}

/** Of this user alone: another user's record must never choose what we kill. */
function recordsFolder(): string {
  const folder = join(tmpdir(), `waggle-xtask-${userInfo().uid}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { uid, mode } = statSync(folder);
  if (uid !== userInfo().uid || (mode & 0o022) !== 0) {
    throw new Error(`Cannot use ${folder}: it belongs to another user or others may write to it`);
  }
  return folder;
}

export function writeRecord(record: RunRecord): void {
  writeFileSync(recordPath(record.xtaskPid), JSON.stringify(record), { mode: 0o600 });
}

export function removeRecord(xtaskPid: number): void {
  rmSync(recordPath(xtaskPid), { force: true });
}

/** All records whose processes still live, this process's own included. Those of which nothing lives any more are removed. */
export function liveRecords(table: readonly ProcessEntry[]): RunRecord[] {
  const folder = recordsFolder();
  return readdirSync(folder).flatMap((name) => {
    const record = readRecord(join(folder, name));
    const started = (record?.started ?? []).filter((ours) => isAlive(ours, table));
    const xtaskLives = table.some(({ pid }) => pid === record?.xtaskPid);
    if (record !== undefined && started.length > 0) return [{ ...record, started }];
    if (!xtaskLives) rmSync(join(folder, name), { force: true });
    return [];
  });
}

/** A group lives as long as any member does, so a leader that has left may still have left members behind. */
function isAlive(ours: StartedProcess, table: readonly ProcessEntry[]): boolean {
  const leader = table.find(({ pid }) => pid === ours.pid);
  if (leader !== undefined) return leader.startedAt === ours.startedAt;
  return table.some(({ groupId }) => groupId === ours.pid);
}

function recordPath(xtaskPid: number): string {
  return join(recordsFolder(), `${xtaskPid}.json`);
}

function readRecord(path: string): RunRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(path, "utf8")) as RunRecord;
    return Array.isArray(record.started) ? record : undefined;
  } catch {
    return undefined;
  }
}
