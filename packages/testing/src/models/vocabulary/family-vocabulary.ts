// Owns the markers in a model family's vocabulary: which are control tokens in converted files, and which are user-defined tokens.
//
// Sources: the families' tokenizer files, and llama.cpp's converter (`does_token_look_special` in conversion/base.py). An added token is a control
// token if the tokenizer file marks it as special or it looks like <|...|>, <｜...｜> or <unused...>. Otherwise it is user-defined. The tokenizer
// files of MiniMax, Seed, Apriel and later DeepSeek models were not checked.

export interface FamilyVocabulary {
  readonly control: readonly string[];
  readonly userDefined: readonly string[];
  /** Beginning-of-sequence token; a control token. */
  readonly bos?: string;
  /** End-of-sequence token; a control token. */
  readonly eos: string;
  /** End-of-turn token, if it is not `eos`; a control token. A scripted model ends its answers with `eot`, or with `eos` if there is no `eot`. */
  readonly eot?: string;
}

/** <|...|>, <｜...｜> and <unused...>. Excludes texts that a template completes, such as `<｜hy_eos{}｜>`. */
const looksSpecial = /<\|[^\s<>|{}]{1,64}\|>|<｜[^\s<>｜{}]{1,64}｜>|<unused\d+>/gu;

/** Special in tokenizer files, although `looksSpecial` does not match. */
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

/** Not special in tokenizer files, so decoded text shows them. A vocabulary has both markers of a pair or neither. */
const visiblePairs = [
  ...["<think>", "<tool_call>", "<tool_response>", "<arg_key>", "<arg_value>", "<tool_calls>"],
  ...["<seed:think>", "<seed:tool_call>", "<seed:cot_budget_reflect>", "<minimax:tool_call>", "<mm:think>"],
  ...["<TOOLCALL>", "<TOOL_RESPONSE>", "<AVAILABLE_TOOLS>", "<assistant>"],
].map(withClosing);
const visibleOnes = [
  ...["]<]minimax[>[", "｜DSML｜"],
  // Markers of Gemma 4, which llama.cpp makes user-defined although they look special.
  ...['<|"|>', "<|tool_call>", "<tool_call|>", "<|channel>", "<channel|>", "<tool_response|>", "<|tool>", "<tool|>"],
];

interface Family {
  /** A text in the family's templates, but not in templates of the families above. */
  readonly sign: string;
  readonly bos?: string;
  readonly eos: string;
  readonly eot?: string;
  /** Control tokens of the model's output that a template may not show. */
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
  // Two generations of one family. The older one, in the second row, writes <|message_sep|> inside an answer, before a call, so its end is </s>.
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

/** The markers of a template, or of several templates in one text, and the other markers of its family. */
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

/** The opening and the closing marker: `<x>` and `</x>`, `[X]` and `[/X]`. */
function withClosing(opening: string): readonly [string, string] {
  return [opening, `${opening.slice(0, 1)}/${opening.slice(1)}`];
}

/** For unknown families: ChatML's end if the template uses ChatML, and `<s>` as beginning if the template refers to a beginning. */
function otherFamily(template: string): Family {
  const chatMl = template.includes("<|im_start|>");
  return {
    sign: "",
    eos: chatMl ? "<|im_end|>" : "</s>",
    ...(chatMl ? { says: ["<|endoftext|>"] } : {}),
    ...(template.includes("bos_token") ? { bos: "<s>" } : {}),
  };
}

/** Vocabulary of a model that fills in code, with the markers of Qwen's coder models. */
export const infillVocabulary: FamilyVocabulary = {
  control: ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|repo_name|>", "<|file_sep|>"],
  userDefined: [],
  eos: "<|endoftext|>",
};
