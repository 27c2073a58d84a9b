// Owns what the models' files tell before an engine does: how answers are written, and what prompts are made of. It reads those that are on
// this machine, each once, and downloads none.
import { stat } from "node:fs/promises";
import type { FileDescriber, FileDescription } from "@waggle/model-chat";
import { resolveModel } from "@waggle/models";
import type { ResolveModelOptions } from "@waggle/models";
import type { Logger } from "@waggle/telemetry";
import type { HostedFile } from "./model-entry.ts";

export interface DescriptionsOptions {
  /** Where models lie that were downloaded. */
  readonly resolve: Omit<ResolveModelOptions, "offline" | "onProgress" | "signal">;
  readonly describer: FileDescriber;
  readonly log: Logger;
}

export interface Descriptions {
  /** What the file tells; undefined where it is not on this machine yet, or cannot be read or described. */
  of(hosted: HostedFile): Promise<DescribedFile | undefined>;
  /** As far as somebody has asked. */
  known(hosted: HostedFile): DescribedFile | undefined;
}

export interface DescribedFile extends FileDescription {
  readonly path: string;
}

interface Described {
  /** Path, size and time: another file under the same name is described anew. */
  readonly key: string;
  readonly asked: Promise<DescribedFile | undefined>;
  description?: DescribedFile | undefined;
}

export function createDescriptions({ resolve, describer, log }: DescriptionsOptions): Descriptions {
  const described = new WeakMap<HostedFile, Described>();

  async function pathOf({ source, reference, facts }: HostedFile): Promise<string | undefined> {
    if (source === "fake") return undefined;
    return facts?.path ?? (await resolveModel(reference, { ...resolve, offline: true }).catch(() => undefined));
  }

  /** Why not is said once in the log: whoever asked has the model loaded then, which says more. */
  async function describe({ host, settings }: HostedFile, path: string): Promise<DescribedFile | undefined> {
    try {
      return { path, ...(await describer.describe({ path, chosen: settings.chatTemplate })) };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log.warn({ model: host.name }, `Cannot tell from its file how the model chats: ${reason}`);
      return undefined;
    }
  }

  return {
    async of(hosted) {
      const path = await pathOf(hosted);
      const file = path === undefined ? undefined : await stat(path).catch(() => undefined);
      if (path === undefined || file === undefined) return undefined;
      const key = `${path}\n${file.size}\n${file.mtimeMs}`;
      let one = described.get(hosted);
      if (one?.key !== key) described.set(hosted, (one = { key, asked: describe(hosted, path) }));
      return (one.description = await one.asked);
    },
    known: (hosted) => described.get(hosted)?.description,
  };
}
