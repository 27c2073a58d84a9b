// Owns compilers of schemas without a thread: the start of one takes longer than most tests of a worker.
import { performHere, type Clock } from "@waggle/async";
import { createSchemaCompiler, type SchemaCompiler } from "../schemas/schema-compiler.ts";
import { compileTask } from "../schemas/schema-thread.ts";

export const compileHere = (clock: Clock): SchemaCompiler =>
  createSchemaCompiler({ clock, startThread: (events) => performHere(compileTask, events) });
