// Owns the native routes about jobs and sessions.
import { GenerateRequestSchema, SessionIdSchema, WaggleError, routePath, workerRoutes } from "@waggle/protocol";
import type { JobList } from "@waggle/protocol";
import type { GenerateSpec, Job } from "@waggle/jobs";
import { acceptedOf, hasEnded, jobListOf, stateNameOf, statusOf } from "@waggle/jobs";
import { readBody } from "../../body/body.ts";
import type { AppContext, AppOptions } from "../../server/context.ts";
import type { Handler } from "../../generation/dialect.ts";
import { answerGrammarFor, schemaGrammarFor } from "../../body/fields.ts";
import { pictureReader } from "../../pictures/picture-reader.ts";
import { keepAliveFor } from "../../stream/keep-alive.ts";
import type { Generations } from "../../generation/generations.ts";
import { encodingOf, nativeFraming } from "./encoding.ts";
import { generateSpecOf, withFormat } from "./generate-spec.ts";

export function createJobRoutes(options: AppOptions, generations: Generations): Record<JobRouteName, Handler> {
  const { dispatcher, models, registry, finder } = options;

  async function specOf(c: AppContext, direct: boolean): Promise<GenerateSpec> {
    const client = c.get("client");
    const body = await readBody(c, GenerateRequestSchema, options.limits.maxBodyBytes);
    const served = models.find(body.model);
    const { name: model, chatFormat } = served;
    const stays = keepAliveFor(c, served, body.keep_alive);
    const spec = generateSpecOf(body, { client, trace: c.get("requestId"), model, direct, keepAliveMs: stays });
    return await withFormat(spec, body, {
      chatFormat,
      answerGrammar: answerGrammarFor(options.schemas, client),
      schemaGrammar: schemaGrammarFor(options.schemas, client),
      readPictures: pictureReader(c, served),
    });
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
      const job = await generations.submit(c, await specOf(c, false));
      c.header("location", routePath(workerRoutes.getJob, { id: job.id }));
      options.metrics.httpSubmitSeconds.observe((options.clock.now() - startedAt) / 1000);
      return c.json(acceptedOf(job, dispatcher.position(job) ?? 0), workerRoutes.createJob.status);
    },
    async inference(c) {
      const encoding = encodingOf(c);
      const spec = await specOf(c, true);
      return await generations.respond(c, {
        spec,
        streamed: true,
        answer: { framing: (job) => nativeFraming(job, encoding) },
      });
    },
    listJobs(c) {
      const [client, all] = [c.get("client"), c.get("monitor")];
      const seen = registry.liveJobs().filter(({ spec }) => all || spec.who.client === client);
      const ended = c.req.query("ended") === undefined ? undefined : registry.ended();
      const list: JobList = {
        ...jobListOf(seen, (job) => dispatcher.position(job), options.clock.now()),
        ...(ended === undefined ? {} : { ended: ended.filter((job) => all || job.client === client) }),
        of: all ? "all" : "own",
      };
      return c.json(list);
    },
    async streamJob(c) {
      const job = await find(c);
      const after = resumePoint(c);
      // The client has received all events. Status 204 makes EventSource stop reconnecting.
      if (after !== undefined && job.log.terminal?.type === "end" && after >= job.log.nextToken)
        return c.body(null, 204);
      const encoding = encodingOf(c);
      // A response to HEAD has no body. So no reader is opened, since a reader counts as an open stream.
      if (c.req.method === "HEAD") return c.body(null, 200, encoding.headers);
      return await generations.stream(c, job, after ?? -1, nativeFraming(job, encoding));
    },
    async getJob(c) {
      const job = await find(c);
      return c.json(statusOf(job, dispatcher.position(job)));
    },
    async cancelJob(c) {
      const job = await findToCancel(c);
      if (!hasEnded(job)) {
        dispatcher.cancel(job, job.spec.who.client === c.get("client") ? "client" : "operator");
        await job.ended.promise;
      }
      return c.json(statusOf(job, undefined));
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
      await job.ended.promise;
      return c.json({ session_id: parsed.data, cancelled: stateNameOf(job.state) === "cancelled", job_id: job.id });
    },
  };
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
