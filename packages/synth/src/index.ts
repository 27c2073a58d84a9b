export { writeRandomModel } from "./lib/random-model.ts";
export { writeLora, type LoraShape } from "./lib/lora.ts";
export { shapeNamed, shapes, type ModelShape } from "./lib/shapes.ts";
export { familyVocabulary, infillVocabulary, type FamilyVocabulary } from "./lib/family-vocabulary.ts";
export { writeScriptedModel, type ScriptedModel, type ScriptedModelOptions } from "./lib/scripted-model.ts";
export type { Answer, Script } from "./lib/script.ts";
export { writeSinglePrecision } from "./lib/single-precision.ts";
