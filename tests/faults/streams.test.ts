// Tests streams that are cut and resumed, refused by a full queue, and ended in every dialect.
import { needs } from "@waggle/testing";
import { describe } from "vitest";
import { dialects } from "./cells/dialects.ts";
import { overload } from "./cells/overload.ts";
import { resume, resumeTooLate } from "./cells/resume.ts";
import { createStage } from "./support/stage.ts";

describe("streams that are cut and resumed", () => {
  resume(createStage());
});

describe("a worker that drops events before its readers resume", needs("a long run"), () => {
  resumeTooLate(createStage());
});

describe("ten times more requests than the queue holds", () => {
  overload(createStage());
});

describe("streams of every dialect, ended in every way", () => {
  dialects(createStage());
});
