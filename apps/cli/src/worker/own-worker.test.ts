import { expect, it } from "vitest";
import { lastErrorOf } from "./own-worker.ts";

it.each([
  [
    "a reason",
    '{"level":"warn","msg":"slow"}\n{"level":"error","msg":"engine_died: Cannot load model x: no such file"}\n{"level":"warn","msg":"bye"}\n',
    "Cannot load model x: no such file",
  ],
  ["a cause", '{"level":"fatal","msg":"Cannot start the worker.","err":{"message":"EACCES"}}', "EACCES"],
  ["plain words", "waggle: Cannot use --slots: it must be a number.\n", "Cannot use --slots: it must be a number."],
  [
    "a crash",
    "node:internal\n    throw err;\n\nError: Cannot find module 'x'\n    at y\n\nNode.js v20",
    "Cannot find module 'x'",
  ],
  ["no error", '{"level":"warn","msg":"slow"}', undefined],
  ["nothing", "\n", undefined],
])("a log tells %s", (_, log, reason) => expect(lastErrorOf(log)).toBe(reason));
