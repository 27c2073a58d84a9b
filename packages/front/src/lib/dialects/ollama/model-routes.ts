// Owns Ollama's routes about models. This worker has one, which came with it: what would change that is refused.
import {
  OllamaCopyRequestSchema,
  OllamaModelRequestSchema,
  OllamaPullRequestSchema,
  WaggleError,
  ndjsonHeaders,
} from "@waggle/protocol";
import type { OllamaModelWishes, ollamaRoutes } from "@waggle/protocol";
import { encodeNdjson } from "@waggle/sse";
import { readBody } from "../../body.ts";
import { connectionOf } from "../../connection.ts";
import type { AppContext, AppOptions } from "../../context.ts";
import type { Handler } from "../../dialect.ts";
import { ollamaVersion, runningModel, shownModel, tagOf } from "./model-facts.ts";
import { askedModel, askedName, isNameOf, publicName } from "./model-name.ts";

type ModelRoute = Exclude<
  keyof typeof ollamaRoutes,
  "ollamaChat" | "ollamaGenerate" | "ollamaEmbed" | "ollamaEmbeddings"
>;

/** Its clients' own name for a model is what it shows them. */
const copilot = "GitHubCopilotChat/";

export function createModelRoutes({ limits, view }: AppOptions): Record<ModelRoute, Handler> {
  const since = new Date().toISOString();

  async function readName(c: AppContext): Promise<OllamaModelWishes> {
    return await readBody(c, OllamaModelRequestSchema, limits.maxBodyBytes);
  }

  return {
    ollamaVersion: (c) => c.json({ version: ollamaVersion }),
    ollamaTags: (c) => c.json({ models: [tagOf(view.info(), since)] }),
    ollamaRunning(c) {
      const info = view.info();
      return c.json({ models: info.context_size === undefined ? [] : [runningModel(info)] });
    },
    async ollamaShow(c) {
      const info = view.info();
      const asked = askedModel(await readName(c), info.model);
      const basename = c.req.header("user-agent")?.startsWith(copilot) === true ? asked : info.model;
      return c.json(shownModel({ info, abilities: view.chatFormat().abilities, since, basename }));
    },
    async ollamaPull(c) {
      const body = await readBody(c, OllamaPullRequestSchema, limits.maxBodyBytes);
      const asked = askedName(body);
      const { model } = view.info();
      if (!isNameOf(asked, model)) {
        const shown = asked.slice(0, 256);
        throw new WaggleError(
          "not_found",
          `Cannot pull model '${shown}': this worker serves '${publicName(model)}' and no other.`,
        );
      }
      // It is here: there is no progress to tell of.
      const done = { status: "success" };
      return body.stream === false ? c.json(done) : c.body(encodeNdjson(done), 200, { ...ndjsonHeaders });
    },
    async ollamaPush(c) {
      askedModel(await readName(c), view.info().model);
      throw refusal("push a model", "this worker publishes none");
    },
    async ollamaCreate(c) {
      askedName(await readName(c));
      throw refusal("create a model", "this worker serves the one that it was started with");
    },
    async ollamaCopy(c) {
      const { source } = await readBody(c, OllamaCopyRequestSchema, limits.maxBodyBytes);
      askedModel({ model: source }, view.info().model);
      throw refusal("copy a model", "this worker serves the one that it was started with, under one name");
    },
    async ollamaDelete(c) {
      askedModel(await readName(c), view.info().model);
      throw refusal("delete a model", "this worker keeps the one that it was started with");
    },
    ollamaBlob(c) {
      // It may be gigabytes, and nobody reads them.
      connectionOf(c).endAfterResponse();
      throw refusal("take a file", "this worker serves the model that it was started with");
    },
  };
}

function refusal(what: string, why: string): WaggleError {
  return new WaggleError("unimplemented", `Cannot ${what}: ${why}.`);
}
