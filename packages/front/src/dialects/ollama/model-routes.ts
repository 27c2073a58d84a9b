// Owns Ollama's routes that list and change models.
import {
  OllamaCopyRequestSchema,
  OllamaModelRequestSchema,
  OllamaPullRequestSchema,
  WaggleError,
  ndjsonHeaders,
} from "@waggle/protocol";
import type { ModelEvent, ollamaRoutes } from "@waggle/protocol";
import { readBody } from "../../body/body.ts";
import { connectionOf } from "../../server/connection.ts";
import type { AppContext, AppOptions, ModelPull } from "../../server/context.ts";
import type { Handler } from "../../generation/dialect.ts";
import { eventChunks } from "../../stream/event-chunks.ts";
import { requireAdmin } from "../../access/require-admin.ts";
import { streamResponse } from "../../stream/stream-response.ts";
import { ollamaVersion, runningModel, shownModel, tagOf } from "./model-facts.ts";
import { askedModel, askedName, isNameOf } from "./model-name.ts";
import { changeDone } from "./loaded.ts";

type ModelRoute = Exclude<
  keyof typeof ollamaRoutes,
  "ollamaChat" | "ollamaGenerate" | "ollamaEmbed" | "ollamaEmbeddings"
>;

/** Copilot shows `general.basename` to its users, so the field must be the name in the request. */
const copilot = "GitHubCopilotChat/";

/** Name of the progress bar that clients show. Ollama shows a bar for each layer; Waggle shows one bar. */
const layer = "model";

export function createModelRoutes(options: AppOptions): Record<ModelRoute, Handler> {
  const { clock, control, limits, models } = options;
  const since = new Date().toISOString();

  /** Whether the worker has the model, so that a pull needs no download. */
  function isHere(asked: string): boolean {
    try {
      askedModel({ model: asked }, { ...models, fallback: undefined });
      return true;
    } catch {
      return false;
    }
  }

  function streamPull(c: AppContext, pull: ModelPull): Response {
    const chunks = eventChunks({
      events: pull.change.watch(),
      clock,
      pingIntervalMs: limits.pingIntervalMs,
      chunk: pullLine,
      // Repeats the last line, since this dialect allows no empty lines.
      ping: (last) => pullLine(last ?? { type: "progress", stage: "asking" }),
      isLast: ({ type }) => type !== "progress",
      onClose: pull.release,
    });
    return streamResponse(c, chunks, ndjsonHeaders);
  }

  return {
    ollamaVersion: (c) => c.json({ version: ollamaVersion }),
    ollamaTags: (c) => c.json({ models: models.all().map((model) => tagOf(model.info(), since)) }),
    ollamaRunning(c) {
      const running = models.all().filter((model) => model.status().state === "ready");
      return c.json({ models: running.map((model) => runningModel(model.info(), model.status().expires_at)) });
    },
    async ollamaShow(c) {
      const { asked, served } = askedModel(await readBody(c, OllamaModelRequestSchema), models);
      const { abilities } = await served.chatFormat();
      const info = served.info();
      const basename = c.req.header("user-agent")?.startsWith(copilot) === true ? asked : info.model;
      return c.json(shownModel({ info, abilities, source: served.status().source, since, basename }));
    },
    async ollamaPull(c) {
      const body = await readBody(c, OllamaPullRequestSchema);
      const asked = askedName(body);
      if (isHere(asked)) {
        const done = { status: "success" };
        return body.stream === false ? c.json(done) : c.body(`${JSON.stringify(done)}\n`, 200, { ...ndjsonHeaders });
      }
      requireAdmin(c);
      const pull = control.pull(referenceOf(asked), undefined);
      if (body.stream !== false) return streamPull(c, pull);
      await changeDone(c, pull.change).finally(pull.release);
      return c.json({ status: "success" });
    },
    async ollamaPush(c) {
      askedModel(await readBody(c, OllamaModelRequestSchema), models);
      throw refusal("push a model", "this worker publishes no models");
    },
    async ollamaCreate(c) {
      askedName(await readBody(c, OllamaModelRequestSchema));
      throw refusal("create a model", "this worker serves files as they are");
    },
    async ollamaCopy(c) {
      const { source, destination } = await readBody(c, OllamaCopyRequestSchema);
      const { served } = askedModel({ model: source }, models);
      requireAdmin(c);
      control.alias(served.name, destination);
      return c.body(null, 200);
    },
    async ollamaDelete(c) {
      const { asked, served } = askedModel(await readBody(c, OllamaModelRequestSchema), {
        ...models,
        fallback: undefined,
      });
      requireAdmin(c);
      // For an alias, only the alias is removed, like a copy in Ollama.
      const alias = isNameOf(asked, served.name) ? undefined : served.aliases.find((one) => isNameOf(asked, one));
      await control.remove(alias ?? served.name);
      return c.body(null, 200);
    },
    ollamaBlob(c) {
      // The body may have gigabytes, so it is not read.
      connectionOf(c).endAfterResponse();
      throw refusal("take a file", "this worker serves files as they are");
    },
  };
}

/** The model's reference for a download: an address on Hugging Face means its repository there, any other name a model in Ollama's registry. */
function referenceOf(asked: string): string {
  const hub = /^(?:https?:\/\/)?(?:hf\.co|huggingface\.co)\/(.+)$/i.exec(asked)?.[1];
  if (hub !== undefined) return `hf:${hub}`;
  return /^(?:hf|ollama):/i.test(asked) ? asked : `ollama:${asked}`;
}

function refusal(what: string, why: string): WaggleError {
  return new WaggleError("unimplemented", `Cannot ${what}: ${why}.`);
}

function pullLine(event: ModelEvent): string {
  return `${JSON.stringify(ollamaProgress(event))}\n`;
}

function ollamaProgress(event: ModelEvent): Record<string, unknown> {
  if (event.type === "done") return { status: "success" };
  if (event.type === "error") return { error: event.message };
  const { stage, done_bytes: completed, total_bytes: total } = event;
  switch (stage) {
    case "asking":
      return { status: "pulling manifest" };
    case "downloading":
      return { status: `pulling ${layer}`, digest: layer, ...(total === undefined ? {} : { total, completed }) };
    case "checking":
      return { status: "verifying sha256 digest" };
    case "waiting":
    case "loading":
      return { status: stage };
  }
}
