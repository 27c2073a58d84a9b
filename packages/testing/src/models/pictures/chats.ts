// Owns how families of models that read pictures write conversations: their markers, with those around pictures, and their templates in a plain form.
//
// A template gets texts only. mtmd replaces each picture in the text by its embeddings and writes the family's markers around them (mtmd.cpp).
import type { Chat } from "../decoder-model.ts";

/** Greatest number of rows and columns of pieces that Idefics 3's projector here makes of a picture. */
export const mostPieces = 2;
const sides = Array.from({ length: mostPieces }, (_, index) => index + 1);

const begin = "{% for m in messages %}";
const end = "{% endfor %}{% if add_generation_prompt %}";

export const qwenChat: Chat = {
  vocabulary: {
    control: ["<|im_start|>", "<|endoftext|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>"],
    userDefined: [],
    eos: "<|im_end|>",
  },
  template: `${begin}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n${end}<|im_start|>assistant\n{% endif %}`,
};

export const gemmaChat: Chat = {
  vocabulary: {
    control: ["<start_of_turn>", "<start_of_image>", "<end_of_image>", "<image_soft_token>"],
    userDefined: [],
    bos: "<bos>",
    eos: "<eos>",
    eot: "<end_of_turn>",
  },
  template:
    `${begin}<start_of_turn>{{ 'model' if m['role'] == 'assistant' else m['role'] }}\n` +
    `{{ m['content'] }}<end_of_turn>\n${end}<start_of_turn>model\n{% endif %}`,
};

/** Vicuna's. No markers are around a picture. */
export const llavaChat: Chat = {
  vocabulary: { control: [], userDefined: [], bos: "<s>", eos: "</s>" },
  template:
    `${begin}{% if m['role'] == 'user' %}USER: {{ m['content'] }} {% elif m['role'] == 'assistant' %}` +
    `ASSISTANT: {{ m['content'] }}</s>{% else %}{{ m['content'] }} {% endif %}${end}ASSISTANT:{% endif %}`,
};

export const pixtralChat: Chat = {
  vocabulary: {
    control: ["[INST]", "[/INST]", "[IMG]", "[IMG_BREAK]", "[IMG_END]"],
    userDefined: [],
    bos: "<s>",
    eos: "</s>",
  },
  template:
    `${begin}{% if m['role'] == 'assistant' %}{{ m['content'] }}</s>{% else %}` +
    `[INST]{{ m['content'] }}[/INST]{% endif %}{% endfor %}`,
};

/** SmolVLM's. A picture is a grid of pieces, each after its row and column, and then the whole picture. */
export const idefics3Chat: Chat = {
  vocabulary: {
    control: [
      ...["<|im_start|>", "<image>", "<fake_token_around_image>", "<global-img>"],
      ...sides.flatMap((row) => sides.map((column) => `<row_${row}_col_${column}>`)),
    ],
    userDefined: [],
    eos: "<end_of_utterance>",
  },
  template:
    `${begin}<|im_start|>{{ m['role'] | capitalize }}: {{ m['content'] }}<end_of_utterance>\n` +
    `${end}<|im_start|>Assistant:{% endif %}`,
};
