// Tests the real description thread, and with fake threads the order of tasks.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { IsolateThreadEvents } from "@waggle/async";
import { usualInputs } from "../format/index.ts";
import { llamaTemplates } from "../testing/template/llama-templates.ts";
import { writeRandomModel, writeScriptedModel, shapeNamed } from "@waggle/testing/models";
import { afterEach, describe, expect, test } from "vitest";
import { describeFile } from "./describe-file.ts";
import type { DescriptionResult, DescriptionTask } from "./description-thread.ts";
import { createFileDescriber, type FileDescriber, type FileDescriberOptions } from "./file-describer.ts";

/** No choice: each model's template is used. */
const chosen = undefined;
const storyModel = join(import.meta.dirname, "../../../../models/waggle-tiny-stories.gguf");
const folder = mkdtempSync(join(tmpdir(), "model-chat-"));

const open: FileDescriber[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((describer) => describer.close()));
});

function create(options: FileDescriberOptions = {}): FileDescriber {
  const describer = createFileDescriber(options);
  open.push(describer);
  return describer;
}

function scripted(name: string, template: string): string {
  const path = join(folder, `${name}.gguf`);
  writeScriptedModel({ path, template });
  return path;
}

describe("a thread", () => {
  test("gives the same description as a call on this thread, with special tokens as marks", async () => {
    const path = scripted("qwen3", llamaTemplates().get("Qwen-Qwen3-0.6B") ?? "");
    const told = await create().describe({ path, chosen });
    expect(told).toEqual(await describeFile(path, { chosen }));
    expect(told).toMatchObject({ card: { kind: "generate", name: "Scripted" }, bos: "<|im_end|>", eos: "<|im_end|>" });
    expect(told.chatFormat.abilities).toMatchObject({ thinking: "switchable", tools: true });
    expect(told.chatFormat.marks).toContainEqual(expect.objectContaining({ text: "<think>", control: false }));
    expect(told.chatTemplate).toContain("enable_thinking");
  });

  test("uses the chosen template, and reports why a chosen template fails", async () => {
    const path = storyModel;
    expect((await create().describe({ path, chosen: "chatml" })).chatTemplate).toContain("<|im_start|>");
    await expect(create().describe({ path, chosen: "{{ nothing.at.all }}" })).rejects.toThrow("undefined");
  });

  test("uses a built-in template in place of a template that cannot be rendered", async () => {
    const path = scripted("broken", "{{ raise_exception('no') }}");
    const { chatFormat, chatTemplate } = await create().describe({ path, chosen });
    expect(chatFormat.name).toBe("generic");
    expect(chatTemplate).toContain("Assistant:");
  });

  test("rejects a file that is not a model, with the reason", async () => {
    const path = join(folder, "noise.gguf");
    writeFileSync(path, "noise");
    const describer = create();
    await expect(describer.describe({ path, chosen })).rejects.toThrow("not a GGUF file");
    await expect(describer.describe({ path: join(folder, "absent.gguf"), chosen })).rejects.toThrow("no such file");
  });

  test("renders a prompt, or reports why it cannot", async () => {
    const path = scripted(
      "picky",
      "{{ raise_exception('no') if messages[0].content == 'odd' }}{{ messages[0].content }}",
    );
    const describer = create();
    const { chatFormat } = await describer.describe({ path, chosen });
    const { signal } = new AbortController();
    const rendered = async (content: string, file = path) => {
      const render = { inputs: chatFormat.inputs, conversation: { messages: [{ role: "user" as const, content }] } };
      return await describer.render({ path: file, chosen, render }, signal);
    };
    expect(await rendered("a<|im_end|>b")).toEqual({ kind: "rendered", prompt: "a<|im_end|>b" });
    expect(await rendered("odd")).toEqual({
      kind: "refused",
      problem: expect.stringContaining("does not take them: no"),
    });
    await expect(rendered("a", join(folder, "absent.gguf"))).rejects.toThrow("no such file");
  });

  test("reports the generic format for a model that does not generate text", async () => {
    const path = join(folder, "embed.gguf");
    writeRandomModel({ ...shapeNamed("embed"), layers: 1, vocabulary: 400 }, path);
    const { card, chatFormat, chatTemplate } = await create().describe({ path, chosen });
    expect([card.kind, chatFormat.name, chatTemplate]).toEqual(["embed", "generic", ""]);
  });
});

describe("waiting tasks", () => {
  interface Started {
    task: DescriptionTask | undefined;
    readonly events: IsolateThreadEvents<DescriptionResult>;
    ended: boolean;
  }

  function withThreads(options: FileDescriberOptions = {}) {
    const threads: Started[] = [];
    const describer = create({
      ...options,
      startThread(events) {
        const started: Started = { task: undefined, events, ended: false };
        threads.push(started);
        return {
          perform: (task) => void (started.task = task),
          cpuMs: () => undefined,
          end: async () => void (started.ended = true),
        };
      },
    });
    return { threads, describer };
  }

  test("run one after the other, each on a separate thread that ends", async () => {
    const { threads, describer } = withThreads();
    const asked = [describer.describe({ path: "a", chosen }), describer.describe({ path: "b", chosen })];
    expect(threads.map(({ task }) => task?.path)).toEqual(["a"]);
    threads[0]?.events.onFailed("not this one");
    await expect(asked[0]).rejects.toThrow("not this one");
    await expect.poll(() => threads.length).toBe(2);
    expect(threads.map(({ ended }) => ended)).toEqual([true, false]);
    threads[1]?.events.onGone(new Error("its thread has ended"));
    await expect(asked[1]).rejects.toThrow("its thread has ended");
    expect(threads[1]?.ended).toBe(true);
  });

  test("are dropped when their client aborts", async () => {
    const { threads, describer } = withThreads();
    const conversation = { messages: [] };
    const leaving = [new AbortController(), new AbortController()];
    const prompts = leaving.map(({ signal }, index) =>
      describer.render({ path: `${index}`, chosen, render: { inputs: usualInputs, conversation } }, signal),
    );
    const outcomes = Promise.allSettled(prompts);
    const next = describer.describe({ path: "next", chosen });
    for (const client of leaving.toReversed()) client.abort();
    expect((await outcomes).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await expect
      .poll(() => threads.map(({ task, ended }) => [task?.path, ended]))
      .toEqual([
        ["0", true],
        ["next", false],
      ]);
    threads[1]?.events.onFailed("not this one");
    await expect(next).rejects.toThrow("not this one");
  });

  test("are limited in number, and rejected after close", async () => {
    const { threads, describer } = withThreads({ waiting: 1 });
    const asked = [describer.describe({ path: "a", chosen }), describer.describe({ path: "b", chosen })];
    const outcomes = Promise.allSettled(asked);
    await expect(describer.describe({ path: "c", chosen })).rejects.toThrow("too many other tasks");
    await describer.close();
    expect((await outcomes).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await expect(describer.describe({ path: "d", chosen })).rejects.toThrow("leaving");
    expect(threads.map(({ ended }) => ended)).toEqual([true]);
  });
});
