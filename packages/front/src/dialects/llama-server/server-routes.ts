// Owns llama-server's routes about the server: properties, adapters and slots. Their answers contain no prompts, no generated text and no folders.
import { jobUidOf } from "@waggle/jobs";
import type { Work } from "@waggle/engine";
import { WaggleError, mediaMarker, requestSampling } from "@waggle/protocol";
import type { LlamaServerSlots, llamaServerRoutes } from "@waggle/protocol";
import type { AppOptions } from "../../server/context.ts";
import type { Handler } from "../../generation/dialect.ts";
import { samplersOf } from "./samplers.ts";

type ServerRouteName = Extract<
  keyof typeof llamaServerRoutes,
  "props" | "setProps" | "loraAdapters" | "setLoraAdapters" | "slotList" | "slotAction"
>;

export function createServerRoutes({ models, registry }: AppOptions): Record<ServerRouteName, Handler> {
  return {
    async props(c) {
      const served = models.find(c.req.query("model"));
      const prompts = await served.prompts();
      const info = served.info();
      // Clients need the context length, which may be known only once the model is loaded. This GET loads a model, as llama-server's does: only one that
      // was never loaded, for a client that may load it with a completion.
      if (info.context_size === undefined) served.requireLoaded();
      const { tools = false, parallel_tool_calls: parallel = false } = info.chat ?? {};
      return c.json({
        default_generation_settings: {
          params: {
            ...requestSampling({}),
            n_predict: -1,
            max_tokens: -1,
            n_probs: 0,
            stream: false,
            samplers: samplersOf(undefined).chain,
          },
          n_ctx: info.context_size,
        },
        total_slots: info.slots,
        model_alias: info.model,
        model_path: prompts.fileName,
        modalities: { vision: info.vision !== undefined, video: false, audio: false },
        media_marker: mediaMarker,
        endpoint_slots: true,
        endpoint_props: false,
        endpoint_metrics: true,
        chat_template: prompts.chatTemplate,
        chat_template_caps: {
          supports_tools: tools,
          supports_tool_calls: tools,
          supports_parallel_tool_calls: parallel,
        },
        bos_token: prompts.bos,
        eos_token: prompts.eos,
        build_info: `waggle-${info.version}`,
        is_sleeping: false,
      });
    },
    setProps() {
      throw new WaggleError("unimplemented", "Cannot change properties: the worker's settings are fixed at its start.");
    },
    loraAdapters(c) {
      const served = models.find(c.req.query("model"));
      served.requireLoaded();
      const { settings } = served.info();
      return c.json((settings?.lora ?? []).map(({ id, file, scale }) => ({ id, path: file, scale })));
    },
    setLoraAdapters() {
      throw new WaggleError(
        "unimplemented",
        "Cannot set adapters for all requests: select adapters with the field lora of a request, or change the worker's --lora.",
      );
    },
    slotList(c) {
      const client = c.get("client");
      const served = models.find(c.req.query("model"));
      const slots = served.slots();
      const idle = slots.some(({ state }) => state === "idle");
      if (!idle && (c.req.query("fail_on_no_slot") ?? "") !== "")
        throw new WaggleError("unavailable", "Cannot find a slot: no slot is idle.", { retryAfterS: 1 });
      const { context_size: contextSize, guesses } = served.info();
      const shown: LlamaServerSlots = slots.map(({ id, state, job_id: uid, prompt_tokens: promptTokens, tokens }) => {
        const job = uid === undefined ? undefined : registry.live(jobUidOf(uid));
        const isOwn = job !== undefined && job.spec.who.client === client;
        return {
          id,
          n_ctx: contextSize,
          speculative: guesses,
          is_processing: state !== "idle",
          ...(isOwn ? { job_id: job.id } : {}),
          n_prompt_tokens: promptTokens,
          next_token: [
            {
              has_next_token: state === "prefilling" || state === "decoding" || state === "parked",
              n_decoded: tokens,
              n_remain: isOwn ? remainingOf(job.spec.work, tokens) : -1,
            },
          ],
        };
      });
      return c.json(shown);
    },
    slotAction() {
      throw new WaggleError(
        "unimplemented",
        "Cannot save, restore or erase a slot: the worker manages the slots' caches, separately for each client.",
      );
    },
  };
}

function remainingOf(work: Work, decoded: number): number {
  const most = work.kind === "generate" ? work.maxTokens : undefined;
  return most === undefined ? -1 : Math.max(0, most - decoded);
}
