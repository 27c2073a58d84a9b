// Tests a worker whose clients cancel, supersede each other, come and go, or do not read.
import { needs } from "@waggle/testing";
import { describe } from "vitest";
import { cancelMatrix } from "./cells/cancel-matrix.ts";
import { cycles } from "./cells/cycles.ts";
import { slowReaders } from "./cells/slow-reader.ts";
import { supersede, supersedeUnclean } from "./cells/supersede.ts";
import { createStage } from "./support/stage.ts";

describe("jobs that are ended in each phase by each route", () => {
  cancelMatrix(createStage());
});

describe("sessions: a new job supersedes the old one", () => {
  supersede(createStage());
});

describe("a worker that does not wait for the clean-up of a superseded stream", needs("a long run"), () => {
  supersedeUnclean(createStage());
});

describe("clients that connect and leave at random moments", () => {
  cycles(createStage());
});

describe("slow readers", () => {
  slowReaders(createStage());
});
