// Owns the chat templates that can be chosen by name: our templates, and llama.cpp's built-in templates under llama.cpp's names. These templates
// write the same text as llama.cpp (src/llama-chat.cpp), without BOS, which the tokenizer adds. llama.cpp's templates orion, monarch, gigachat,
// yandex and hunyuan-dense are not included.

/** For models without a template, if their vocabulary has ChatML's markers. Jinja drops a template's last newline: hence the empty line. */
export const chatMl = `{% for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor %}<|im_start|>assistant

`;

/** For models without a template and without ChatML's markers: plain text that any model can continue. */
export const plain = `{% for m in messages %}{{ m.role | capitalize }}: {{ m.content }}

{% endfor %}Assistant:`;

/** Texts around a message's content. In these texts, the message's role replaces `{role}`. */
type Marks = readonly [before: string, after: string];

interface MoreMarks {
  readonly tool?: Marks;
  /** Text before the first message. */
  readonly first?: string;
  /** Text before a message that follows an answer. */
  readonly again?: string;
  /** Text before the answer to generate. */
  readonly opening?: string;
  /** Roles whose contents lose white space at both ends. */
  readonly trims?: "all" | "assistant";
}

/** A Jinja expression that prints the text. */
function printed(text: string): string {
  const parts = text.split("{role}").map((part) => JSON.stringify(part));
  return `{{ ${parts.join(" ~ m.role ~ ")} }}`;
}

function message([before, after]: Marks, trims: boolean): string {
  return printed(before) + (trims ? "{{ m.content | trim }}" : "{{ m.content }}") + printed(after);
}

const afterAnswer = "messages[loop.index0 - 1].role == 'assistant'";

/** @param user marks of user messages, and of messages of a role without other marks */
function templateOf(system: Marks, user: Marks, assistant: Marks, more: MoreMarks = {}): string {
  const { tool, first = "", again = "", opening = "", trims } = more;
  const all = trims === "all";
  const begin = `{% if loop.first %}${printed(first)}{% elif ${afterAnswer} %}${printed(again)}{% endif %}`;
  const own = tool === undefined ? "" : `{% elif m.role == 'tool' %}${message(tool, all)}`;
  return [
    `{% for m in messages %}${begin}`,
    `{% if m.role == 'system' %}${message(system, all)}`,
    `{% elif m.role == 'assistant' %}${message(assistant, all || trims === "assistant")}`,
    `${own}{% else %}${message(user, all)}{% endif %}{% endfor %}`,
    `{% if add_generation_prompt %}${printed(opening)}{% endif %}`,
  ].join("");
}

/** A template with the same marks for every role. */
function alike(marks: Marks, more: MoreMarks): string {
  return templateOf(marks, marks, marks, more);
}

function llama2(system: Marks, more: MoreMarks = {}): string {
  return templateOf(system, ["", " [/INST]"], ["", "</s>"], { first: "[INST] ", again: "[INST] ", ...more });
}

const llama2System: Marks = ["<<SYS>>\n", "\n<</SYS>>\n\n"];

/** Mistral's templates before version 7: the system message is the beginning of the user's message. */
function oldMistral(open: string, close: string, answer: string, trims?: "assistant"): string {
  const more = { first: open, again: open, ...(trims === undefined ? {} : { trims }) };
  return templateOf(["", "\n\n"], ["", close], [answer, "</s>"], more);
}

function mistral7(blank: string): string {
  const system = [`[SYSTEM_PROMPT]${blank}`, "[/SYSTEM_PROMPT]"] as const;
  return templateOf(system, [`[INST]${blank}`, "[/INST]"], [blank, "</s>"]);
}

function vicuna(system: Marks): string {
  return templateOf(system, ["USER: ", "\n"], ["ASSISTANT: ", "</s>\n"], { opening: "ASSISTANT:" });
}

/** Gemma has no system role: the system message begins the next message of the user. */
const gemma = [
  "{% set held = namespace(system='') %}{% for m in messages %}",
  "{% if m.role == 'system' %}{% set held.system = held.system ~ (m.content | trim) %}{% else %}",
  `{{ "<start_of_turn>" ~ ('model' if m.role == 'assistant' else m.role) ~ "\\n" }}`,
  `{% if held.system and m.role != 'assistant' %}{{ held.system }}{{ "\\n\\n" }}{% set held.system = '' %}{% endif %}`,
  `{{ m.content | trim }}{{ "<end_of_turn>\\n" }}{% endif %}{% endfor %}`,
  `{% if add_generation_prompt %}{{ "<start_of_turn>model\\n" }}{% endif %}`,
].join("");

const endOfTurn = "<|END_OF_TURN_TOKEN|>";
const endOfSentence = "<｜end▁of▁sentence｜>";

function exaone(more: MoreMarks = {}): string {
  const end = "[|endofturn|]\n";
  const opening = "[|assistant|]";
  return templateOf(["[|system|]", end], ["[|user|]", "\n"], [opening, end], { opening, trims: "all", ...more });
}

const byName: ReadonlyMap<string, string> = new Map(
  Object.entries({
    chatml: chatMl,
    llama2: llama2(["", "\n"]),
    "llama2-sys": llama2(llama2System),
    "llama2-sys-bos": llama2(llama2System, { again: "<s>[INST] " }),
    "llama2-sys-strip": llama2(llama2System, { trims: "all" }),
    llama3: alike(["<|start_header_id|>{role}<|end_header_id|>\n\n", "<|eot_id|>"], {
      opening: "<|start_header_id|>assistant<|end_header_id|>\n\n",
      trims: "all",
    }),
    llama4: alike(["<|header_start|>{role}<|header_end|>\n\n", "<|eot|>"], {
      opening: "<|header_start|>assistant<|header_end|>\n\n",
      trims: "all",
    }),
    "mistral-v1": oldMistral(" [INST] ", " [/INST]", " "),
    "mistral-v3": oldMistral("[INST] ", "[/INST]", " ", "assistant"),
    "mistral-v3-tekken": oldMistral("[INST]", "[/INST]", ""),
    "mistral-v7": mistral7(" "),
    "mistral-v7-tekken": mistral7(""),
    gemma,
    phi3: alike(["<|{role}|>\n", "<|end|>\n"], { opening: "<|assistant|>\n" }),
    phi4: alike(["<|im_start|>{role}<|im_sep|>", "<|im_end|>"], { opening: "<|im_start|>assistant<|im_sep|>" }),
    falcon3: alike(["<|{role}|>\n", "\n"], { opening: "<|assistant|>\n" }),
    zephyr: alike(["<|{role}|>\n", "<|endoftext|>\n"], { opening: "<|assistant|>\n" }),
    openchat: templateOf(
      ["", "<|end_of_turn|>"],
      ["GPT4 Correct User: ", "<|end_of_turn|>"],
      ["GPT4 Correct Assistant: ", "<|end_of_turn|>"],
      { opening: "GPT4 Correct Assistant:" },
    ),
    vicuna: vicuna(["", "\n\n"]),
    "vicuna-orca": vicuna(["SYSTEM: ", "\n"]),
    deepseek: templateOf(["", ""], ["### Instruction:\n", "\n"], ["### Response:\n", "\n<|EOT|>\n"], {
      opening: "### Response:\n",
    }),
    deepseek2: templateOf(["", "\n\n"], ["User: ", "\n\n"], ["Assistant: ", endOfSentence], { opening: "Assistant:" }),
    deepseek3: templateOf(["", "\n\n"], ["<｜User｜>", ""], ["<｜Assistant｜>", endOfSentence], {
      opening: "<｜Assistant｜>",
    }),
    "command-r": templateOf(
      ["<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>", endOfTurn],
      ["<|START_OF_TURN_TOKEN|><|USER_TOKEN|>", endOfTurn],
      ["<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>", endOfTurn],
      { opening: "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>", trims: "all" },
    ),
    chatglm3: alike(["<|{role}|>\n ", ""], { first: "[gMASK]sop", opening: "<|assistant|>" }),
    chatglm4: alike(["<|{role}|>\n", ""], { first: "[gMASK]<sop>", opening: "<|assistant|>\n" }),
    glmedge: alike(["<|{role}|>\n", ""], { opening: "<|assistant|>" }),
    minicpm: templateOf(["", ""], ["<用户>", "<AI>"], ["", ""], { trims: "all" }),
    exaone3: exaone(),
    exaone4: exaone({ tool: ["[|tool|]", "[|endofturn|]\n"] }),
    "rwkv-world": templateOf(["System: ", "\n\n"], ["User: ", "\n\n"], ["Assistant: ", "\n\n"], {
      opening: "Assistant:",
      trims: "all",
    }),
    granite: alike(["<|start_of_role|>{role}<|end_of_role|>", "<|end_of_text|>\n"], {
      opening: "<|start_of_role|>assistant<|end_of_role|>\n",
    }),
    megrez: alike(["<|role_start|>{role}<|role_end|>", "<|turn_end|>"], {
      opening: "<|role_start|>assistant<|role_end|>",
    }),
    bailing: templateOf(["<role>SYSTEM</role>", ""], ["<role>HUMAN</role>", ""], ["<role>ASSISTANT</role>", ""], {
      opening: "<role>ASSISTANT</role>",
    }),
    smolvlm: templateOf(["", "\n\n"], ["User: ", "<end_of_utterance>\n"], ["Assistant: ", "<end_of_utterance>\n"], {
      first: "<|im_start|>",
      opening: "Assistant:",
    }),
    "hunyuan-moe": templateOf(["<|startoftext|>", "<|extra_4|>"], ["<|startoftext|>", "<|extra_0|>"], ["", "<|eos|>"]),
    "kimi-k2": templateOf(
      ["<|im_system|>system<|im_middle|>", "<|im_end|>"],
      ["<|im_user|>user<|im_middle|>", "<|im_end|>"],
      ["<|im_assistant|>assistant<|im_middle|>", "<|im_end|>"],
      { tool: ["<|im_system|>tool<|im_middle|>", "<|im_end|>"], opening: "<|im_assistant|>assistant<|im_middle|>" },
    ),
  }),
);

/** `generic` means ChatML if the model's vocabulary has its markers, otherwise plain text. */
export const templateNames: readonly string[] = [...byName.keys(), "generic"];

/** The template's source; undefined for an unknown name, and for `generic`, which depends on the model. */
export function namedTemplate(name: string): string | undefined {
  return byName.get(name);
}
