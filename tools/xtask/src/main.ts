// Owns the command line of xtask: which commands there are, and how a failure of theirs is told. What they do is theirs.
import { messageOf } from "@waggle/harness";
import { Command } from "commander";
import { addCallsCheck } from "./commands/calls-check.ts";
import { addChatPicture } from "./commands/chat-picture.ts";
import { addCheck } from "./commands/check.ts";
import { addClientsCheck } from "./commands/clients-check.ts";
import { addDocs } from "./commands/docs.ts";
import { addDocsCheck } from "./commands/docs-check.ts";
import { addEngineBuild } from "./commands/engine-build.ts";
import { addFitCheck } from "./commands/fit-check.ts";
import { addDev, addFleet } from "./commands/fleet.ts";
import { addFleetBench } from "./commands/fleet-bench.ts";
import { addFormatsCheck } from "./commands/formats-check.ts";
import { addLlamaServerCompare } from "./commands/llama-server-compare.ts";
import { addModelsScript } from "./commands/models-script.ts";
import { addModelsSoak } from "./commands/models-soak.ts";
import { addModelsSynth } from "./commands/models-synth.ts";
import { addPack } from "./commands/pack.ts";
import { addPorts } from "./commands/ports.ts";
import { addSchemasBench } from "./commands/schemas-bench.ts";
import { addWorkerBench } from "./commands/worker-bench.ts";
import { addWorkerChaos } from "./commands/worker-chaos.ts";
import { addWorkerHostile } from "./commands/worker-hostile.ts";
import { addWorkerTest } from "./commands/worker-test.ts";

const program = new Command("xtask").description("Runs, tests and checks this repository.").showHelpAfterError();
const commands = [
  ...[addWorkerTest, addWorkerChaos, addWorkerHostile, addWorkerBench, addDev, addFleet, addPorts],
  ...[
    addModelsSynth,
    addModelsScript,
    addModelsSoak,
    addCallsCheck,
    addClientsCheck,
    addFormatsCheck,
    addLlamaServerCompare,
    addEngineBuild,
    addSchemasBench,
    addFitCheck,
    addFleetBench,
    addChatPicture,
    addPack,
    addCheck,
    addDocs,
    addDocsCheck,
  ],
];
for (const add of commands) add(program);

// Whoever read our output has gone (`xtask … | head`); so do we, and the children with us.
process.stdout.on("error", () => process.exit(1));

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`xtask: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
