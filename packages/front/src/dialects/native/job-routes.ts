// Owns the native routes about jobs and sessions.
import {
  GenerateRequestSchema,
  SessionIdSchema,
  WaggleError,
  refuseField,
  routePath,
  workerRoutes,
} from "@waggle/protocol";
import type { EndedJob, GenerateRequest, JobList } from "@waggle/protocol";
import type { GenerateSpec, Job } from "@waggle/jobs";
import { acceptedOf, drawnId, hasEnded, jobListOf, stateNameOf, jobStatus } from "@waggle/jobs";
import { isPast } from "@waggle/telemetry";
import { readBody } from "../../body/body.ts";
import type { AppContext, AppOptions } from "../../server/context.ts";
import type { Handler } from "../../generation/dialect.ts";
import { answerGrammarFor, schemaGrammarFor } from "../../body/fields.ts";
import type { McpTools } from "../../calls/calls.ts";
import { toolOf } from "../../calls/tool-lookup.ts";
import { pictureReader } from "../../pictures/picture-reader.ts";
import { keepAliveFor } from "../../stream/keep-alive.ts";
import type { Generations } from "../../generation/generations.ts";
import { pastQueryOf, type ReadPast } from "./past-query.ts";
import { encodingOf, nativeFraming } from "./encoding.ts";
import { generateSpecOf, withFormat } from "./generate-spec.ts";

export function createJobRoutes(
  options: AppOptions,
  generations: Generations,
  tools: McpTools | undefined,
  readPast: ReadPast,
): Record<JobRouteName, Handler> {
  const { dispatcher, models, registry, finder } = options;

  async function specOf(c: AppContext, body: GenerateRequest, direct: boolean): Promise<GenerateSpec> {
    const client = c.get("client");
    const served = models.find(body.model);
    const { name: model, chatFormat } = served;
    const stays = keepAliveFor(c, body.keep_alive);
    const spec = generateSpecOf(body, { client, trace: c.get("requestId"), model, direct, keepAliveMs: stays });
    const context = {
      chatFormat,
      answerGrammar: answerGrammarFor(c, options.schemas),
      schemaGrammar: schemaGrammarFor(options.schemas, client),
      readPictures: pictureReader(c, served),
    };
    const { mcp_tools: wanted, messages } = body;
    if (wanted === undefined || messages === undefined) return await withFormat(spec, body, context);
    if (tools === undefined) throw refuseField("mcp_tools", "this daemon has no MCP servers (--mcp-config)");
    const found = await tools.find(client, wanted, "mcp_tools");
    const id = body.job_id ?? drawnId();
    const offered = { ...body, tools: [...(body.tools ?? []), ...found.map(toolOf)] };
    const { steps, timeoutMs } = tools;
    const calls = { key: idempotencyKey(c, body) ?? `job_id ${id}`, tools: found, steps, timeoutMs };
    return await withFormat({ ...spec, id }, offered, context, calls);
  }

  async function find(c: AppContext, client = c.get("client")): Promise<Job> {
    const id = c.req.param("id") ?? "";
    const job = registry.get(client, id) ?? (await finder?.find(client, id));
    if (job === undefined)
      throw new WaggleError("not_found", `Cannot find job "${id.slice(0, 128)}": unknown or forgotten.`);
    return job;
  }

  /** An admin may cancel any client's job. Different clients may have jobs with the same id. */
  async function findToCancel(c: AppContext): Promise<Job> {
    const id = c.req.param("id") ?? "";
    const whose = c.req.query("client") ?? c.get("client");
    if (whose === c.get("client")) {
      const others = c.req.query("client") === undefined && c.get("admin") && !registry.has(whose, id);
      const [job, more] = others ? registry.liveJobs().filter((live) => live.id === id) : [];
      if (more !== undefined)
        throw new WaggleError(
          "conflict",
          `Cannot cancel job "${id.slice(0, 128)}": several clients have a job with this id. Name the client with ?client=.`,
        );
      return job ?? (await find(c));
    }
    if (!c.get("admin"))
      throw new WaggleError("forbidden", "Cannot cancel another client's job: the API token is not marked admin.");
    return await find(c, whose);
  }

  return {
    async createJob(c) {
      const startedAt = options.clock.now();
      const body = await readBody(c, GenerateRequestSchema);
      const job = await generations.submit(c, await specOf(c, body, false));
      c.header("location", routePath(workerRoutes.getJob, { id: job.id }));
      options.metrics.httpSubmitSeconds.observe((options.clock.now() - startedAt) / 1000);
      return c.json(acceptedOf(job, dispatcher.position(job) ?? 0), workerRoutes.createJob.status);
    },
    async inference(c) {
      const encoding = encodingOf(c);
      const body = await readBody(c, GenerateRequestSchema);
      // A client that chose the job's id can open its stream again, so the job gets the grace of a job with a separate stream.
      const direct = body.job_id === undefined;
      const spec = await specOf(c, body, direct);
      return await generations.respond(c, {
        spec,
        streamed: true,
        answer: { framing: (job) => nativeFraming(job, encoding) },
      });
    },
    async listJobs(c) {
      const [client, all] = [c.get("client"), c.get("monitor")];
      const seen = registry.liveJobs().filter(({ spec }) => all || spec.who.client === client);
      const query = pastQueryOf(c);
      // Without a part of the past, the list comes from memory: the status page asks for it again and again.
      const past = isPast(query);
      const wanted = past && !all ? { ...query, client } : query;
      const read = async (left?: AbortSignal): Promise<readonly EndedJob[]> =>
        await registry.ended({ ...wanted, left });
      const asks = c.req.query("ended") !== undefined;
      const ended = asks ? await (past ? readPast(c, read) : read()) : undefined;
      const isShown = (job: EndedJob): boolean =>
        (all || job.client === client) && (query.client ?? job.client) === job.client;
      const list: JobList = {
        ...jobListOf(seen, { position: dispatcher.position, workerOf: options.workerOf }, options.clock.now()),
        ...(ended === undefined ? {} : { ended: ended.filter(isShown) }),
        of: all ? "all" : "own",
      };
      return c.json(list);
    },
    async streamJob(c) {
      const found = await find(c);
      const { terminal, nextToken } = found.log;
      const after = resumePoint(c);
      // The client has received all events. Status 204 makes EventSource stop reconnecting.
      if (after !== undefined && terminal?.type === "end" && after >= nextToken) return c.body(null, 204);
      const encoding = encodingOf(c);
      // A response to HEAD has no body. So no reader is opened, since a reader counts as an open stream.
      if (c.req.method === "HEAD") return c.body(null, 200, encoding.headers);
      return await generations.stream(c, found, after ?? -1, nativeFraming(found, encoding));
    },
    async getJob(c) {
      const job = await find(c);
      return c.json(jobStatus(job, dispatcher.position(job)));
    },
    async cancelJob(c) {
      const job = await findToCancel(c);
      const by = job.spec.who.client === c.get("client") ? "client" : "operator";
      if (by === "client") tools?.calls.giveUp(job);
      if (!hasEnded(job)) {
        dispatcher.cancel(job, by);
        await job.ended.promise;
      }
      return c.json(jobStatus(job, undefined));
    },
    async cancelSession(c) {
      const parsed = SessionIdSchema.safeParse(c.req.param("id"));
      if (!parsed.success)
        throw new WaggleError("invalid_argument", 'Cannot read the session id in the path: field "session_id".');
      const client = c.get("client");
      const job = dispatcher.sessionJob(client, parsed.data);
      if (job === undefined) {
        const id = await finder?.cancelSession(client, parsed.data);
        const found = id === undefined ? {} : { job_id: id };
        return c.json({ session_id: parsed.data, cancelled: id !== undefined, ...found });
      }
      dispatcher.cancel(job, "client");
      // A job whose work was being checked has ended at once, and has not ended the session's running job.
      const running = dispatcher.sessionJob(client, parsed.data);
      if (running !== undefined) dispatcher.cancel(running, "client");
      await Promise.all([job.ended.promise, running?.ended.promise]);
      return c.json({ session_id: parsed.data, cancelled: stateNameOf(job.state) === "cancelled", job_id: job.id });
    },
  };
}

/** The first jobs of equal keys are the same job, so their calls are in the journal under the same key. */
function idempotencyKey(c: AppContext, { job_id: id }: GenerateRequest): string | undefined {
  const key = c.req.header("idempotency-key");
  return id !== undefined || key === undefined ? undefined : `Idempotency-Key ${key}`;
}

export type JobRouteName =
  | "createJob"
  | "listJobs"
  | "inference"
  | "streamJob"
  | "getJob"
  | "cancelJob"
  | "cancelSession";

/** The token index after which the stream resumes. The header has priority over the query: EventSource repeats the same URL at each reconnect. */
function resumePoint(c: AppContext): number | undefined {
  const header = c.req.header("last-event-id");
  const given = header === undefined || header === "" ? c.req.query("after") : header;
  if (given === undefined || given === "") return undefined;
  if (!/^-?\d{1,15}$/.test(given) || Number(given) < -1) {
    const name = header === given ? "Last-Event-ID" : "after";
    throw new WaggleError("invalid_argument", `Cannot resume: field "${name}" is not a token index.`);
  }
  return Number(given);
}
