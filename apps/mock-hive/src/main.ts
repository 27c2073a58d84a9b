// The entry of `waggle-hive`.
import { runHiveProcess } from "./process.ts";

await runHiveProcess(process, process.argv.slice(2), process.env);
