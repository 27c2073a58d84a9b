// Owns the routes of the Responses API: creating responses, and reading, streaming and deleting stored responses.
// `pnpm test dialects/responses` runs its contract too.
import { randomBytes } from "node:crypto";
import {
  ResponseCountRequestSchema,
  ResponseRequestSchema,
  WaggleError,
  overflowOf,
  pathsOf,
  refuseField,
  responsesRoutes,
  sseHeaders,
} from "@waggle/protocol";
import type { ResponseCountRequest, ResponseItem } from "@waggle/protocol";
import type { Picture } from "@waggle/engine";
import type { Job } from "@waggle/jobs";
import { readBody } from "../../body/body.ts";
import { readOpenAiBody } from "../../body/ignored-fields.ts";
import type { AppContext, AppOptions } from "../../server/context.ts";
import { countTokens } from "../../conversation/conversation.ts";
import { routesOf } from "../../generation/dialect.ts";
import type { Answer, Dialect, Handler } from "../../generation/dialect.ts";
import type { Generations } from "../../generation/generations.ts";
import { pictureReader } from "../../pictures/picture-reader.ts";
import { requestContextOf } from "../../generation/base-job-spec.ts";
import { openAiError } from "../openai/errors.ts";
import { lastNumberOf, responseCollector, responseFraming } from "./framing.ts";
import type { ResponseShape } from "./framing.ts";
import { conversationOf, inputItems, keptConversationOf, withIds } from "./history.ts";
import { picturedItems } from "./item-pictures.ts";
import { inputItemPage } from "./input-page.ts";
import { keepResponse } from "./store-response.ts";
import { mcpToolsOf, offeredCalls, toolListsOf } from "./mcp/response-tools.ts";
import { createNumbering } from "./numbering.ts";
import { conversationOfRequest, echoOf, responseSpecOf } from "./request.ts";
import { ongoingResponse } from "./response.ts";
import type { ResponseHead } from "./response.ts";
import { createResponseStore } from "./store.ts";
import { toolboxOf, withItemTools } from "./tools.ts";
import type { McpTools } from "../../calls/calls.ts";

/** Memory limit of the stored responses of all clients together, with their pictures. */
const keptBytes = 134_217_728;
const keptForMs = 86_400_000;

export function createResponsesDialect(
  options: AppOptions,
  generations: Generations,
  mcp: McpTools | undefined,
): Dialect {
  return {
    name: "openai responses",
    routes: routesOf(responsesRoutes, createRoutes(options, generations, mcp), pathsOf),
    prefixes: ["/v1/responses", "/responses"],
    errorBody: openAiError,
  };
}

function createRoutes(
  options: AppOptions,
  generations: Generations,
  mcp: McpTools | undefined,
): Record<keyof typeof responsesRoutes, Handler> {
  const { clock, limits, models, registry } = options;
  const store = createResponseStore({ clock, maxBytes: keptBytes, keptForMs });
  /** All streams of a job have the same numbers, and the same ids of lists. */
  const shapes = new WeakMap<Job, ResponseShape>();

  /** @throws WaggleError not_found, invalid_argument naming the field */
  function itemsOf(c: AppContext, { input, previous_response_id: previousId }: ResponseCountRequest): Items {
    const client = c.get("client");
    return {
      before: conversationOf(previousId, store, client, limits.maxBodyBytes),
      own: inputItems(input, store, client, limits.maxBodyBytes),
    };
  }

  function keptPicture(c: AppContext): (sha256: string) => Picture | undefined {
    return (sha256) => store.picture(c.get("client"), sha256);
  }

  function idOf(c: AppContext): string {
    return c.req.param("id") ?? "";
  }

  /** Streams the past and future events of a stored response. */
  async function streamAgain(c: AppContext, head: ResponseHead): Promise<Response> {
    const after = startingAfter(c);
    const job = registry.get(c.get("client"), head.id);
    const shape = job && shapes.get(job);
    if (job === undefined || shape === undefined || job.log.firstToken > 0) {
      throw new WaggleError("not_found", `Cannot stream response "${head.id}": its events are no longer stored.`);
    }
    const last = lastNumberOf(shape, job.log.output(), job.log.terminal);
    if (after > last)
      throw refuseField("starting_after", `the response has no such event; its last one so far is ${last}`);
    // A response to HEAD has no body. So no reader is opened, since a reader counts as an open stream.
    if (c.req.method === "HEAD") return c.body(null, 200, sseHeaders);
    return await generations.stream(c, job, -1, responseFraming(shape, after));
  }

  return {
    async createResponse(c) {
      const read = await readOpenAiBody(c, ResponseRequestSchema);
      // The answer to a line of a batch is in the batch's results.
      const sent = c.env?.lane === undefined ? read : { ...read, store: false };
      const { before, own: given } = itemsOf(c, sent);
      const body = { ...sent, tools: withItemTools(sent.tools, [...before, ...given]) };
      const earlier = before.length;
      const served = models.find(body.model);
      const streamed = body.stream === true;
      const context = requestContextOf(c, options, served, { streamed, keptPicture: keptPicture(c) });
      const { items: own, pictures } = await picturedItems(given, context.readPictures);
      const mcpTools = await mcpToolsOf(c.get("client"), body.tools, mcp);
      const toolbox = toolboxOf(body.tools, body.tool_choice, mcpTools);
      const id = `resp_${randomBytes(16).toString("hex")}`;
      const calls = mcp && mcpTools && (await offeredCalls(c, id, mcpTools, mcp));
      const spec = await responseSpecOf(body, [...before, ...own], toolbox, context, { calls, earlier });
      const fields = {
        created_at: Math.floor(Date.now() / 1000),
        model: served.name,
        ...(await echoOf(body, context)),
      };
      /** OpenAI's server streams this error, and Codex compacts its conversation only after response.failed, not after a status of 400. */
      const refused = (error: unknown): Response => {
        if (!streamed || !(error instanceof WaggleError) || overflowOf(error) === undefined) throw error;
        const { fromFunctionName } = toolbox;
        const shape = { head: { id, ...fields }, numbering: createNumbering(), key: id, fromFunctionName };
        return c.body(responseFraming(shape).frameError(error), 200, sseHeaders);
      };
      const accepted = (job: Job): ResponseShape => {
        // A retry of the request gets the response of the first try.
        const known = shapes.get(job);
        if (known !== undefined) return known;
        const { fromFunctionName } = toolbox;
        const lists = mcpTools === undefined ? {} : { toolLists: toolListsOf(mcpTools) };
        const head = { id: job.id, ...fields };
        const shape = { head, numbering: createNumbering(), key: job.callKey, fromFunctionName, ...lists };
        shapes.set(job, shape);
        if (body.store === false) return shape;
        const previousId = body.previous_response_id ?? undefined;
        const input = withIds(own, job.callKey);
        keepResponse({ store, job, shape, input, pictures, previousId, log: options.log });
        return shape;
      };
      const answer: Answer = {
        framing: (job) => responseFraming(accepted(job), -1, body),
        collector: (job) => responseCollector(accepted(job)),
      };
      return await generations.respond(c, { spec: { ...spec, id }, streamed, answer }).catch(refused);
    },
    async countResponseInput(c) {
      const sent = await readBody(c, ResponseCountRequestSchema);
      const { before, own } = itemsOf(c, sent);
      const items = [...before, ...own];
      const body = { ...sent, tools: withItemTools(sent.tools, items) };
      const toolbox = toolboxOf(body.tools, body.tool_choice, await mcpToolsOf(c.get("client"), body.tools, mcp));
      const served = models.find(body.model);
      const conversation = await conversationOfRequest(body, items, toolbox, served, before.length);
      const readPictures = pictureReader(c, served, keptPicture(c));
      return c.json({
        object: "response.input_tokens",
        input_tokens: await countTokens(c, conversation, served, readPictures),
      });
    },
    async getResponse(c) {
      const { head, ended } = store.get(c.get("client"), idOf(c));
      if (c.req.query("stream") === "true") return await streamAgain(c, head);
      return c.json(ended?.response ?? ongoingResponse(head));
    },
    deleteResponse(c) {
      const { head } = store.get(c.get("client"), idOf(c));
      store.forget(c.get("client"), head.id);
      return c.json({ id: head.id, object: "response", deleted: true });
    },
    responseInputItems(c) {
      const { input, previousId } = store.get(c.get("client"), idOf(c));
      const before = keptConversationOf(previousId, store, c.get("client"));
      return c.json(inputItemPage([...before, ...input], (name) => c.req.query(name)));
    },
  };
}

interface Items {
  /** Items of earlier responses. */
  readonly before: readonly ResponseItem[];
  readonly own: readonly ResponseItem[];
}

/** @throws WaggleError invalid_argument */
function startingAfter(c: AppContext): number {
  const given = c.req.query("starting_after");
  if (given === undefined) return -1;
  if (!/^\d{1,15}$/.test(given)) throw refuseField("starting_after", "it must be a sequence number");
  return Number(given);
}
