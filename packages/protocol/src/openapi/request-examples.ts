// Owns the reference's example of each request, by the id of the request's schema. Every example is a valid request.

const messages = [{ role: "user", content: "Tell me a story about a bee." }];

export const requestExamples: Readonly<Record<string, unknown>> = {
  GenerateRequest: { messages, max_tokens: 200 },
  LoadModelRequest: { model: "my-model" },
  UnloadModelRequest: { model: "my-model" },
  PinModelRequest: { model: "my-model", pinned: true },
  SwapModelRequest: { model: "my-model", reference: "my-newer-model.gguf" },
  PullModelRequest: { reference: "hf:ggml-org/Qwen3-0.6B-GGUF:Q4_0", name: "qwen3" },
  ConsentRequest: { call_id: "call_0123456789abcdef_0", allow: "once" },
  ChatCompletionRequest: { messages, max_tokens: 200, stream: true },
  CompletionRequest: { prompt: "Once upon a time", max_tokens: 200, stream: true },
  EmbeddingRequest: { content: "A text." },
  EmbeddingsRequest: { input: ["A text.", "Another text."] },
  ResponseRequest: { input: "Tell me a story about a bee.", max_output_tokens: 200, stream: true },
  ResponseCountRequest: { input: "Tell me a story about a bee." },
  MessagesRequest: { model: "my-model", max_tokens: 200, messages, stream: true },
  CountTokensRequest: { model: "my-model", messages },
  OllamaModelRequest: { model: "my-model" },
  OllamaChatRequest: { model: "my-model", messages },
  OllamaGenerateRequest: { model: "my-model", prompt: "Once upon a time" },
  OllamaEmbedRequest: { model: "my-model", input: ["A text.", "Another text."] },
  OllamaEmbeddingsRequest: { model: "my-model", prompt: "A text." },
  OllamaPullRequest: { model: "qwen3:0.6b" },
  OllamaCopyRequest: { source: "my-model", destination: "another-name" },
  LlamaServerCompletionRequest: { prompt: "Once upon a time", n_predict: 200, stream: true },
  InfillRequest: { input_prefix: "def add(a, b):\n    return ", input_suffix: "\n", n_predict: 32 },
  TokenizeRequest: { content: "Once upon a time" },
  DetokenizeRequest: { tokens: [1, 2, 3] },
  ApplyTemplateRequest: { messages },
  RerankRequest: { query: "Who makes honey?", documents: ["Bees make honey.", "Cats sleep."] },
  DecisionRequest: {
    input: "The parcel arrived wet.",
    questions: [
      { type: "predicate", name: "damaged", instructions: "Is it damaged?" },
      {
        type: "choice",
        name: "next",
        instructions: "What next?",
        choices: [{ value: "refund" }, { value: "replace" }],
      },
    ],
  },
  BatchRequest: { input_file_id: "file-0123456789abcdef", endpoint: "/v1/chat/completions", completion_window: "24h" },
  MessageBatchRequest: {
    requests: [{ custom_id: "1", params: { model: "my-model", max_tokens: 200, messages } }],
  },
  ScoreRequest: { text_1: "Who makes honey?", text_2: ["Bees make honey.", "Cats sleep."] },
};
