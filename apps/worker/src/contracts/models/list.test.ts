// Contract of the list of models: one body has the fields that each client requires.
import { ModelListSchema, ModelSchema, OpenAiErrorSchema } from "@waggle/protocol";
import { expect, test } from "vitest";
import { z } from "zod";
import { useInlineWorker } from "../../testing/use-worker.ts";

const { start, get, read } = useInlineWorker();

/** The fields that Codex 0.169 and older require: without one of them Codex drops the list. */
const CodexCatalogSchema = z.object({
  models: z
    .array(
      z.object({
        slug: z.string(),
        display_name: z.string(),
        description: z.string().nullable(),
        base_instructions: z.string().min(1),
        shell_type: z.enum(["default", "local", "unified_exec", "disabled", "shell_command"]),
        visibility: z.enum(["list", "hide", "none"]),
        supported_in_api: z.boolean(),
        priority: z.int(),
        upgrade: z.null(),
        truncation_policy: z.object({ mode: z.enum(["bytes", "tokens"]), limit: z.int().positive() }),
        support_verbosity: z.boolean(),
        default_verbosity: z.null(),
        apply_patch_tool_type: z.null(),
        supports_parallel_tool_calls: z.boolean(),
        supports_reasoning_summaries: z.boolean(),
        supported_reasoning_levels: z.array(z.object({ effort: z.string(), description: z.string() })),
        experimental_supported_tools: z.array(z.string()),
        input_modalities: z.array(z.enum(["text", "image"])),
        context_window: z.literal(4_096),
      }),
    )
    .length(1),
});

test("the list has the catalog that Codex requires (fault 7)", async () => {
  start();
  const body = await read("/v1/models?client_version=0.169.0");
  expect(CodexCatalogSchema.parse(body).models[0]).toMatchObject({
    slug: "waggle-fake",
    truncation_policy: { mode: "tokens", limit: 1_024 },
  });
});

test("clients of OpenAI, Anthropic and llama-server find their fields in the same list", async () => {
  start();
  const list = ModelListSchema.parse(await read("/v1/models"));
  expect(list).toMatchObject({ object: "list", first_id: "waggle-fake", last_id: "waggle-fake", has_more: false });
  expect(list.data[0]).toMatchObject({ id: "waggle-fake", type: "model", display_name: "waggle-fake" });
  expect(Date.parse(list.data[0]?.created_at ?? "") / 1000).toBeCloseTo(list.data[0]?.created ?? 0, -1);
  expect(list.data[0]?.meta).toMatchObject({ n_ctx: 4_096 });
  expect(list.models[0]).toMatchObject({ name: "waggle-fake", model: "waggle-fake" });
});

test("a single model equals its entry in the list", async () => {
  start();
  expect(ModelSchema.parse(await read("/v1/models/waggle-fake")).id).toBe("waggle-fake");
});

test.each(["/v1/models", "/models"])(
  "%s finds a name with slashes, encoded or not, and no unknown name",
  async (path) => {
    const modelRef = "hf:user/repo:Q4_K_M";
    start({ modelRef });
    for (const name of [modelRef, encodeURIComponent(modelRef)]) {
      expect(ModelSchema.parse(await read(`${path}/${name}`)).id).toBe(modelRef);
    }
    const unknown = await get(`${path}/hf:user/other`);
    expect(unknown.status).toBe(404);
    expect(OpenAiErrorSchema.parse(await unknown.json()).error.message).toContain('"hf:user/other"');
    const metrics = await (await get("/metrics")).text();
    expect(metrics).toContain(`{route="${path}/:id",status="404"} 1`);
  },
);
