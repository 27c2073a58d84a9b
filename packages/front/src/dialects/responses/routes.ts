// Owns the routes of the Responses API: creating responses, and reading, streaming and deleting stored responses.
import { randomBytes } from "node:crypto";
import {
  ResponseCountRequestSchema,
  ResponseRequestSchema,
  WaggleError,
  overflowOf,
  pathsOf,
  responsesRoutes,
  sseHeaders,
} from "@waggle/protocol";
import type { Message, ResponseCountRequest, ResponseItem, StreamEvent, TerminalEvent } from "@waggle/protocol";
import type { Picture } from "@waggle/engine";
import type { GenerateSpec, Job } from "@waggle/jobs";
import { readBody } from "../../body/body.ts";
import type { AppContext, AppOptions } from "../../server/context.ts";
import { countTokens } from "../../conversation/conversation.ts";
import { routesOf } from "../../generation/dialect.ts";
import type { Answer, Dialect, Framing, Handler } from "../../generation/dialect.ts";
import { unsupported } from "../../body/fields.ts";
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
import { respondWithTurn } from "./mcp/respond-with-turn.ts";
import { mcpToolsOf } from "./mcp/response-tools.ts";
import { createNumbering } from "./numbering.ts";
import type { Numbering } from "./numbering.ts";
import { conversationOfRequest, echoOf, responseSpecOf } from "./request.ts";
import { ongoingResponse } from "./response.ts";
import type { ResponseHead } from "./response.ts";
import { createResponseStore } from "./store.ts";
import { toolboxOf, withItemTools } from "./tools.ts";
import type { Toolbox } from "./tools.ts";
import { laterChoice } from "../../turns/turn-tools.ts";
import type { TurnLog } from "../../turns/turn-log.ts";
import type { Turns } from "../../turns/turns.ts";

/** Memory limit of the stored responses of all clients together, with their pictures. */
const keptBytes = 134_217_728;
const keptForMs = 86_400_000;

export function createResponsesDialect(
  options: AppOptions,
  generations: Generations,
  turns: Turns | undefined,
): Dialect {
  return {
    name: "openai responses",
    routes: routesOf(responsesRoutes, createRoutes(options, generations, turns), pathsOf),
    prefixes: ["/v1/responses", "/responses"],
    errorBody: openAiError,
  };
}

function createRoutes(
  options: AppOptions,
  generations: Generations,
  turns: Turns | undefined,
): Record<keyof typeof responsesRoutes, Handler> {
  const { clock, limits, models, registry } = options;
  const store = createResponseStore({ clock, maxBytes: keptBytes, keptForMs });
  const numberings = new WeakMap<Job, Numbering>();
  const turnShapes = new WeakMap<TurnLog, ResponseShape>();

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

  function shapeOf(head: ResponseHead, job: Job): ResponseShape {
    const numbering = numberings.get(job) ?? createNumbering();
    numberings.set(job, numbering);
    return { head, numbering, key: job.callKey, fromFunctionName: toolboxOf(head.tools, undefined).fromFunctionName };
  }

  function idOf(c: AppContext): string {
    return c.req.param("id") ?? "";
  }

  /** Streams the past and future events of a stored response. */
  async function streamAgain(c: AppContext, head: ResponseHead): Promise<Response> {
    const after = startingAfter(c);
    const kept = keptStreamOf(c, head);
    if (kept === undefined) {
      throw new WaggleError("not_found", `Cannot stream response "${head.id}": its events are no longer stored.`);
    }
    const last = lastNumberOf(kept.shape, kept.events, kept.terminal);
    if (after > last)
      throw unsupported("starting_after", `the response has no such event; its last one so far is ${last}`);
    // A response to HEAD has no body. So no reader is opened, since a reader counts as an open stream.
    if (c.req.method === "HEAD") return c.body(null, 200, sseHeaders);
    return await kept.stream(responseFraming(kept.shape, after));
  }

  function keptStreamOf(c: AppContext, head: ResponseHead): KeptStream | undefined {
    const client = c.get("client");
    const turn = turns?.find(client, head.id);
    const turnShape = turn && turnShapes.get(turn.log);
    if (turn !== undefined && turnShape !== undefined) {
      const { events, terminal } = turn.log;
      const stream: KeptStream["stream"] = async (framing) =>
        await generations.streamTurn(
          c,
          () => turn,
          -1,
          () => framing,
        );
      return { shape: turnShape, events, terminal, stream };
    }
    const job = registry.get(client, head.id);
    if (job === undefined || job.log.firstToken > 0) return undefined;
    const { nextToken, terminal } = job.log;
    const events = job.log.tokensFrom(0, nextToken);
    const stream: KeptStream["stream"] = async (framing) => await generations.stream(c, job, -1, framing);
    return { shape: shapeOf(head, job), events, terminal, stream };
  }

  return {
    async createResponse(c) {
      const sent = await readBody(c, ResponseRequestSchema, limits.maxBodyBytes);
      const { before, own: given } = itemsOf(c, sent);
      const body = { ...sent, tools: withItemTools(sent.tools, [...before, ...given]) };
      const earlier = before.length;
      const served = models.find(body.model);
      const streamed = body.stream === true;
      const context = requestContextOf(c, options, served, { streamed, keptPicture: keptPicture(c) });
      const { items: own, pictures } = await picturedItems(given, context.readPictures);
      const mcpTools = await mcpToolsOf(c.get("client"), body.tools, turns);
      const toolbox = toolboxOf(body.tools, body.tool_choice, mcpTools);
      const spec = await responseSpecOf(body, [...before, ...own], toolbox, context, { earlier });
      const fields = {
        created_at: Math.floor(Date.now() / 1000),
        model: served.name,
        ...(await echoOf(body, context)),
      };
      const id = `resp_${randomBytes(16).toString("hex")}`;
      /** OpenAI's server streams this error, and Codex compacts its conversation only after response.failed, not after a status of 400. */
      const refused = (error: unknown): Response => {
        if (!streamed || !(error instanceof WaggleError) || overflowOf(error) === undefined) throw error;
        const { fromFunctionName } = toolbox;
        const shape = { head: { id, ...fields }, numbering: createNumbering(), key: id, fromFunctionName };
        return c.body(responseFraming(shape).frameError(error), 200, sseHeaders);
      };
      const accepted = (job: Job): ResponseShape => {
        // A retry of the request gets the response of the first try.
        const earlier = store.find(c.get("client"), job.id);
        if (earlier !== undefined) return shapeOf(earlier.head, job);
        const shape = shapeOf({ id: job.id, ...fields }, job);
        if (body.store === false) return shape;
        const previousId = body.previous_response_id ?? undefined;
        const input = withIds(own, job.callKey);
        keepResponse({ store, job, shape, input, pictures, previousId, log: options.log });
        return shape;
      };
      if (turns !== undefined && mcpTools !== undefined) {
        const specOf = async (functions: Toolbox["functions"], more: readonly Message[]): Promise<GenerateSpec> =>
          more.length === 0
            ? spec
            : await responseSpecOf(
                body,
                [...before, ...own],
                { ...toolbox, functions, choice: functions.length === 0 ? undefined : laterChoice(toolbox.choice) },
                context,
                { more, earlier },
              );
        const kept = { input: (key: string) => withIds(own, key), pictures };
        const asked = { body, context, mcpTools, toolbox, fields, kept, specOf, streamed };
        const services = { turns, turnShapes, generations, store, log: options.log };
        return await respondWithTurn(c, asked, services).catch(refused);
      }
      const answer: Answer = {
        framing: (job) => responseFraming(accepted(job), -1, body),
        collector: (job) => responseCollector(accepted(job)),
      };
      return await generations.respond(c, { spec: { ...spec, id }, streamed, answer }).catch(refused);
    },
    async countResponseInput(c) {
      const sent = await readBody(c, ResponseCountRequestSchema, limits.maxBodyBytes);
      const { before, own } = itemsOf(c, sent);
      const items = [...before, ...own];
      const body = { ...sent, tools: withItemTools(sent.tools, items) };
      const toolbox = toolboxOf(body.tools, body.tool_choice, await mcpToolsOf(c.get("client"), body.tools, turns));
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

/** The events of a response, from its job or its turn. */
interface KeptStream {
  readonly shape: ResponseShape;
  readonly events: Iterable<StreamEvent>;
  readonly terminal: TerminalEvent | undefined;
  stream(framing: Framing): Promise<Response>;
}

/** @throws WaggleError invalid_argument */
function startingAfter(c: AppContext): number {
  const given = c.req.query("starting_after");
  if (given === undefined) return -1;
  if (!/^\d{1,15}$/.test(given)) throw unsupported("starting_after", "it must be a sequence number");
  return Number(given);
}
