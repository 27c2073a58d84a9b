// Lists the model families whose answer format probing cannot detect. Each family's syntax is in a file of this folder.
import { apriel } from "./apriel.ts";
import { deepseekFunctionCalls, deepseekToolCalls } from "./deepseek-dsml.ts";
import type { Family } from "./family.ts";
import { firefunction } from "./firefunction.ts";
import { functionary32 } from "./functionary.ts";
import { gemma4 } from "./gemma-4.ts";
import { gptOss } from "./gpt-oss.ts";
import { kimiK2 } from "./kimi-k2.ts";
import { kimiK3 } from "./kimi-k3.ts";
import { lfm2 } from "./lfm2.ts";
import { ling } from "./ling.ts";
import { minicpm5 } from "./minicpm5.ts";
import { minimaxM3 } from "./minimax-m3.ts";
import { muse } from "./muse.ts";
import { pythonTag } from "./python-tag.ts";

/** The first family that recognises the template is used. */
export const families: readonly Family[] = [
  firefunction,
  apriel,
  deepseekFunctionCalls,
  deepseekToolCalls,
  kimiK3,
  ling,
  minicpm5,
  minimaxM3,
  muse,
  functionary32,
  gemma4,
  gptOss,
  kimiK2,
  lfm2,
  pythonTag,
];
