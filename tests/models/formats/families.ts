// Lists a template for each format of tool calls, with the text that begins a call.

export interface CallFamily {
  /** Format of the calls. */
  readonly kind: string;
  /** File name of llama.cpp's template. */
  readonly template: string;
  /** Text that begins a call: the marker, up to the name of a tool. */
  readonly opening: string;
  /**
   * Text that the model must begin with when a call is required. Needed in formats whose thoughts begin with ordinary text: random words would soon
   * write "<think>", which the grammar allows, and never close it. Absent in formats where a single token begins a thought.
   */
  readonly due?: string;
}

export const callFamilies: readonly CallFamily[] = [
  { kind: "JSON in tags", template: "Qwen-Qwen3-0.6B", opening: '<tool_call>{"name":"book_table"' },
  { kind: "bare JSON", template: "meta-llama-Llama-3.2-3B-Instruct", opening: '{"name":"book_table"', due: "{" },
  {
    kind: "list after a tag",
    template: "mistralai-Mistral-Nemo-Instruct-2407",
    opening: '[TOOL_CALLS][{"name":"book_table"',
    due: "[TOOL_CALLS]",
  },
  {
    kind: "name, then JSON",
    template: "deepseek-ai-DeepSeek-V3.1",
    opening: "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>book_table<｜tool▁sep｜>",
  },
  { kind: "tagged, by type", template: "GLM-4.6", opening: "<tool_call>book_table\n" },
  { kind: "tagged, by schema", template: "Qwen3-Coder", opening: "<tool_call>\n<function=book_table>" },
  { kind: "pythonic", template: "LFM2.5-8B-A1B", opening: "<|tool_call_start|>[book_table(" },
  { kind: "Gemma's objects", template: "google-gemma-4-31B-it", opening: "<|tool_call>call:book_table{" },
  {
    kind: "channels",
    template: "openai-gpt-oss-120b",
    opening: "<|channel|>commentary to=functions.book_table<|message|>",
  },
  {
    kind: "elements",
    template: "MiniMax-M3",
    opening: ']<]minimax[>[<tool_call>]<]minimax[>[<invoke name="book_table">',
  },
  {
    kind: "DSML",
    template: "deepseek-ai-DeepSeek-V3.2",
    opening: '<｜DSML｜function_calls><｜DSML｜invoke name="book_table">',
  },
  { kind: "recipients", template: "meetkai-functionary-medium-v3.2", opening: "book_table\n" },
  {
    kind: "name in the id",
    template: "moonshotai-Kimi-K2",
    opening: "<|tool_calls_section_begin|><|tool_call_begin|>functions.book_table:",
  },
  {
    kind: "Cohere's actions",
    template: "CohereForAI-c4ai-command-r7b-12-2024-tool_use",
    opening: '<|START_ACTION|>[{"tool_call_id"',
  },
];
