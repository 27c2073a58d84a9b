// The entry of `waggle-gateway`.
import { runGatewayProcess } from "./process.ts";

await runGatewayProcess(process, process.argv.slice(2), process.env);
