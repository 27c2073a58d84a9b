// Owns which markers a model family's vocabulary has, as its converted files have them: control tokens or user-defined ones.
//
// What is known of a family comes from its tokenizer's files and from what llama.cpp's converter makes of them (`does_token_look_special` in
// conversion/base.py): an added token is control when its file calls it special or it looks like <|...|>, <｜...｜> or <unused...>, else
// user-defined. Whether a file calls MiniMax's, Seed's, Apriel's and DeepSeek's later markers special is not checked here.

export interface FamilyVocabulary {
  readonly control: readonly string[];
  readonly userDefined: readonly string[];
  /** Named as the beginning; a control token. */
  readonly bos?: string;
  /** Named as the end; a control token. */
  readonly eos: string;
  /** Named as the end of a turn, where that is another; a control token. What a scripted model says at last is this one, else `eos`. */
  readonly eot?: string;
  /** Whether prompts begin with `bos`; by default where there is one. */
  readonly addBos?: boolean;
}

/** <|...|>, <｜...｜> and <unused...>. What a template composes, as `<｜hy_eos{}｜>`, is no marker yet. */
const looksSpecial = /<\|[^\s<>|{}]{1,64}\|>|<｜[^\s<>｜{}]{1,64}｜>|<unused\d+>/gu;

/** Special in their files, though they do not look it. */
const special = [
  ...[
    "<s>",
    "</s>",
    "<bos>",
    "<eos>",
    "<sop>",
    "<sep>",
    "[IMG]",
    "[TOOL_CALLS]",
    "[ARGS]",
    "[CALL_ID]",
    "[TOOL_CONTENT]",
  ],
  ...["[INST]", "[SYSTEM_PROMPT]", "[AVAILABLE_TOOLS]", "[TOOL_RESULTS]", "[THINK]"].flatMap(withClosing),
  ...["<start_of_turn>", "<end_of_turn>", "<|turn>", "<turn|>", "<|tool_response>", "]~b]", "[e~[", "]~!b["],
  ...["<seed:bos>", "<seed:eos>", "<seed:pad>", "<beginning_of_sentence>", "<end_of_sentence>", "<role>", "</role>"],
  ...["<SPECIAL_10>", "<SPECIAL_11>", "<SPECIAL_12>"],
];

/** Not special in their files, so that a program sees them; a vocabulary that has one of a pair has the other. */
const visiblePairs = [
  ...["<think>", "<tool_call>", "<tool_response>", "<arg_key>", "<arg_value>", "<tool_calls>"],
  ...["<seed:think>", "<seed:tool_call>", "<seed:cot_budget_reflect>", "<minimax:tool_call>", "<mm:think>"],
  ...["<TOOLCALL>", "<TOOL_RESPONSE>", "<AVAILABLE_TOOLS>", "<assistant>"],
].map(withClosing);
const visibleOnes = [
  ...["]<]minimax[>[", "｜DSML｜"],
  // Gemma 4's, which llama.cpp makes visible whatever they look like.
  ...['<|"|>', "<|tool_call>", "<tool_call|>", "<|channel>", "<channel|>", "<tool_response|>", "<|tool>", "<tool|>"],
];

interface Family {
  /** What its templates say and the ones above do not. */
  readonly sign: string;
  readonly bos?: string;
  readonly eos: string;
  readonly eot?: string;
  /** Control tokens that it says and that a template need not show. */
  readonly says?: readonly string[];
}

const families: readonly Family[] = [
  { sign: "<｜Assistant｜>", bos: "<｜begin▁of▁sentence｜>", eos: "<｜end▁of▁sentence｜>" },
  { sign: "<｜end▁of▁sentence｜>", bos: "<｜start▁of▁sentence｜>", eos: "<｜end▁of▁sentence｜>" },
  { sign: "<|start_header_id|>", bos: "<|begin_of_text|>", eos: "<|eot_id|>", says: ["<|eom_id|>", "<|python_tag|>"] },
  {
    sign: "<|channel|>",
    bos: "<|startoftext|>",
    eos: "<|return|>",
    says: ["<|start|>", "<|message|>", "<|constrain|>", "<|call|>", "<|end|>"],
  },
  { sign: "<|turn>", bos: "<bos>", eos: "<eos>", eot: "<turn|>" },
  { sign: "<start_of_turn>", bos: "<bos>", eos: "<eos>", eot: "<end_of_turn>" },
  { sign: "[INST]", bos: "<s>", eos: "</s>" },
  {
    sign: "List of tools: ",
    bos: "<|startoftext|>",
    eos: "<|im_end|>",
    says: ["<|tool_call_start|>", "<|tool_call_end|>"],
  },
  { sign: "<|im_middle|>", bos: "[BOS]", eos: "<|im_end|>", says: ["[EOS]"] },
  { sign: "<|end_of_msg|>", bos: "[BOS]", eos: "<|end_of_msg|>", says: ["[EOS]"] },
  { sign: "<|END_OF_TURN_TOKEN|>", bos: "<BOS_TOKEN>", eos: "<|END_OF_TURN_TOKEN|>" },
  { sign: "<|assistant_end|>", bos: "<s>", eos: "<|assistant_end|>" },
  // The older one says this marker within an answer, before its call; so it ends nothing there.
  { sign: "<|function_call|>", bos: "<s>", eos: "<|message_sep|>" },
  { sign: "<|message_sep|>", bos: "<s>", eos: "</s>" },
  { sign: "<seed:bos>", bos: "<seed:bos>", eos: "<seed:eos>" },
  { sign: "[e~[", bos: "]~!b[", eos: "[e~[" },
  { sign: "<end_of_sentence>", bos: "<beginning_of_sentence>", eos: "<end_of_sentence>" },
  { sign: "<|end_of_role|>", eos: "<|end_of_text|>" },
  { sign: "<|observation|>", eos: "<|endoftext|>", eot: "<|user|>", says: ["[gMASK]"] },
  { sign: "<|role_end|>", eos: "<|role_end|>" },
  { sign: "<|tool_calls|>", bos: "<s>", eos: "<|end|>", says: ["<|flush|>", "<|calls|>"] },
  { sign: "<|eom|>", bos: "<|begin_of_text|>", eos: "<|eot|>" },
  { sign: "<|end|>", bos: "<s>", eos: "<|endoftext|>", eot: "<|end|>" },
  { sign: "<SPECIAL_12>", bos: "<s>", eos: "<SPECIAL_12>" },
  { sign: "<sep>", eos: "<sep>" },
  { sign: "</assistant>", eos: "</assistant>" },
  {
    sign: "｜hy_eos",
    bos: "<｜hy_begin_of_sentence｜>",
    eos: "<｜hy_eos｜>",
    says: ["<｜hy_User｜>", "<｜hy_Assistant｜>"],
  },
];

/** Of a template, or of several in one text: the markers that it writes, and what else is known of its family. */
export function familyVocabulary(template: string): FamilyVocabulary {
  const shows = (marker: string): boolean => template.includes(marker);
  const { bos, eos, eot, says = [] } = families.find(({ sign }) => shows(sign)) ?? otherFamily(template);
  const named = [bos, eos, eot].filter((marker) => marker !== undefined);
  const visible = [...visiblePairs.filter((pair) => pair.some(shows)).flat(), ...visibleOnes.filter(shows)];
  const userDefined = visible.filter((marker) => !named.includes(marker));
  const looking = [...template.matchAll(looksSpecial)].map(([marker]) => marker);
  const control = new Set([...named, ...says, ...special.filter(shows), ...looking]);
  return {
    control: [...control].filter((marker) => !userDefined.includes(marker)),
    userDefined,
    eos,
    ...(bos === undefined ? {} : { bos }),
    ...(eot === undefined ? {} : { eot }),
  };
}

/** `<x>` and `</x>`, `[X]` and `[/X]`. */
function withClosing(opening: string): readonly [string, string] {
  return [opening, `${opening.slice(0, 1)}/${opening.slice(1)}`];
}

/** ChatML's end where it is used; a beginning, whose text is not known, where the template asks for one. */
function otherFamily(template: string): Family {
  const chatMl = template.includes("<|im_start|>");
  return {
    sign: "",
    eos: chatMl ? "<|im_end|>" : "</s>",
    ...(chatMl ? { says: ["<|endoftext|>"] } : {}),
    ...(template.includes("bos_token") ? { bos: "<s>" } : {}),
  };
}

/** Of a model that fills in code, with the markers of Qwen's coders. */
export const infillVocabulary: FamilyVocabulary = {
  control: ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|repo_name|>", "<|file_sep|>"],
  userDefined: [],
  eos: "<|endoftext|>",
};
