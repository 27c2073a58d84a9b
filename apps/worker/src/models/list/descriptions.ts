// Describes models from their files only: the format of answers, the inputs of prompts, and rendered prompts. Reads each file once, and
// downloads nothing.
import { stat } from "node:fs/promises";
import type { FileDescriber, FileDescription, PromptRequest, Rendered } from "@waggle/chat-format/describe";
import { resolveModel } from "@waggle/models/download";
import type { ResolveModelOptions } from "@waggle/models/download";
import type { Logger } from "@waggle/telemetry";
import type { ModelHost } from "../run/model-host-port.ts";

export interface DescriptionsOptions {
  /** Where downloaded models are. */
  readonly resolve: Omit<ResolveModelOptions, "offline" | "onProgress" | "signal">;
  readonly describer: Pick<FileDescriber, "describe">;
  /** A separate describer, so that clients' prompts do not delay descriptions. */
  readonly renderer: Pick<FileDescriber, "render">;
  readonly log: Logger;
}

export interface Descriptions {
  /** Undefined when the file is not on this machine, or cannot be read or described. */
  of(host: ModelHost): Promise<DescribedFile | undefined>;
  /** The prompt as the engine would render it. Undefined when the file does not suffice, or too many requests wait. */
  prompt(
    host: ModelHost,
    conversation: PromptRequest["conversation"],
    signal: AbortSignal,
  ): Promise<Rendered | undefined>;
  /** The result of an earlier call of `of` or `prompt`. */
  known(host: ModelHost): DescribedFile | undefined;
}

export interface DescribedFile extends FileDescription {
  readonly path: string;
}

interface Described {
  /** Path, size and modification time: a changed file is described again. */
  readonly key: string;
  readonly asked: Promise<DescribedFile | undefined>;
  description?: DescribedFile | undefined;
}

export function createDescriptions({ resolve, describer, renderer, log }: DescriptionsOptions): Descriptions {
  const described = new WeakMap<ModelHost, Described>();

  async function pathOf({ file: { source, reference, facts } }: ModelHost): Promise<string | undefined> {
    if (source === "fake") return undefined;
    return facts?.path ?? (await resolveModel(reference, { ...resolve, offline: true }).catch(() => undefined));
  }

  function warn({ name }: ModelHost, failed: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    log.warn({ model: name, reason }, failed);
  }

  /** Logs a failure once. The client's request then loads the model, and gets the engine's more precise error. */
  async function describe(host: ModelHost, path: string): Promise<DescribedFile | undefined> {
    try {
      return { path, ...(await describer.describe({ path, chosen: host.file.settings.chatTemplate })) };
    } catch (error) {
      warn(host, "model_not_described", error);
      return undefined;
    }
  }

  async function of(host: ModelHost): Promise<DescribedFile | undefined> {
    const path = await pathOf(host);
    const file = path === undefined ? undefined : await stat(path).catch(() => undefined);
    if (path === undefined || file === undefined) return undefined;
    const key = `${path}\n${file.size}\n${file.mtimeMs}`;
    let one = described.get(host);
    if (one?.key !== key) described.set(host, (one = { key, asked: describe(host, path) }));
    return (one.description = await one.asked);
  }

  return {
    of,
    async prompt(host, conversation, signal) {
      const file = await of(host);
      if (file?.card.kind !== "generate") return undefined;
      const render = { inputs: file.chatFormat.inputs, conversation };
      const task = { path: file.path, chosen: host.file.settings.chatTemplate, render };
      try {
        return await renderer.render(task, signal);
      } catch (error) {
        if (!signal.aborted) warn(host, "prompt_not_rendered", error);
        return undefined;
      }
    },
    known: (host) => described.get(host)?.description,
  };
}
