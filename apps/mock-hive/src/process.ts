// Owns how a hive starts: as `waggle-hive`, and as `waggle hive`.
import { programStart } from "@waggle/daemon/signals";

const load = async () => (await import("./run-hive.ts")).runHive;

export const runHiveProcess = programStart(load);

export const hive = programStart(load, "waggle hive");
