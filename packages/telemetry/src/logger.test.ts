import { expect, test } from "vitest";
import { createLogger, redactedKeys } from "./logger.ts";
import type { LogFormat, LogLevel } from "./logger.ts";

function capture(format: LogFormat, level: LogLevel = "info", quiet = false) {
  const lines: string[] = [];
  const logger = createLogger({
    level,
    format,
    name: "waggle-test",
    quiet,
    destination: { write: (line) => lines.push(line) },
  });
  return { logger, lines, objects: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

test("a JSON line has time, level as a word, name and pid", () => {
  const { logger, objects } = capture("json");
  logger.info({ port: 7711 }, "listening");
  const [line] = objects();
  expect(line).toMatchObject({ level: "info", name: "waggle-test", pid: process.pid, port: 7711, msg: "listening" });
  expect(new Date(String(line?.["time"])).getTime()).toBeGreaterThan(Date.parse("2026-01-01"));
  expect(line).not.toHaveProperty("hostname");
});

test("lines below the level are not written", () => {
  const { logger, lines } = capture("json", "warn");
  logger.info("quiet");
  logger.warn("loud");
  expect(lines).toHaveLength(1);
  const silent = capture("json", "silent");
  silent.logger.error("nothing");
  expect(silent.lines).toEqual([]);
});

test("a pretty line is one line without colours when it does not go to a terminal", () => {
  const { logger, lines } = capture("pretty");
  logger.info({ trace: "job-1", tokens: 7 }, "stream_end");
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(
    /^\[\d\d:\d\d:\d\d\.\d+\] INFO \(waggle-test\): stream_end \{"trace":"job-1","tokens":7\}\n$/,
  );
});

test("on the terminal of a screen, warnings are in words, and errors keep their stack", () => {
  const { logger, lines } = capture("pretty", "info", true);
  logger.info("listening");
  logger.warn({ worker: "bee", reason: 'no "hive"', n: 2 }, "hive_down");
  logger.warn({ err: new Error("disk\u001b full") }, "batches_not_kept");
  logger.warn("The backend is fake.");
  expect(lines).toEqual([
    '! hive down: worker bee, reason no "hive", n 2\n',
    String.raw`! batches not kept: disk\u001b full` + "\n",
    "! The backend is fake.\n",
  ]);
  logger.error({ err: new Error("disk full") }, "Cannot save");
  expect(lines[3]).toMatch(/ERROR .*Cannot save[^]*logger\.test/);
});

test.each(["json", "pretty"] as const)("a %s line has escapes for characters that a terminal obeys", (format) => {
  const { logger, lines } = capture(format);
  logger.info({ model: "\u009b31m\u007f\u202egguf\u001b[2J" }, "ready\u009b2J");
  expect(lines[0]).toContain(String.raw`\u009b31m\u007f\u202egguf\u001b[2J`);
  expect(lines[0]).not.toMatch(/(?!\n)[\p{Cc}\p{Bidi_Control}]/u);
});

test("an error keeps its stack in both formats", () => {
  const json = capture("json");
  json.logger.error({ err: new Error("disk full") }, "Cannot save");
  expect(json.objects()[0]).toMatchObject({
    err: { message: "disk full", stack: expect.stringContaining("logger.test") },
  });
  const pretty = capture("pretty");
  pretty.logger.error({ err: new Error("disk full") }, "Cannot save");
  expect(pretty.lines.join("")).toMatch(/disk full[^]*logger\.test/);
});

test("prompts, answers and tokens are redacted, also in child loggers", () => {
  const { logger, lines } = capture("json");
  const secret = "Once upon a time";
  for (const key of redactedKeys) {
    const object = key === "headers.authorization" ? { headers: { authorization: secret } } : { [key]: secret };
    logger.info(object, "careless");
    logger.child(object).info("careless child");
  }
  expect(lines).toHaveLength(2 * redactedKeys.length);
  expect(lines.join("")).not.toContain(secret);
});

test("loggers of one process share the listeners of stderr and of the exit", () => {
  const create = (): unknown => createLogger({ level: "error", format: "json", name: "waggle-test" });
  const listeners = (): readonly number[] => [process.listenerCount("exit"), process.stderr.listenerCount("error")];
  create();
  const before = listeners();
  create();
  expect(listeners()).toEqual(before);
});
