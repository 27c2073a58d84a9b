export { writeRandomModel } from "./random-model.ts";
export { quantizations, type Quantization } from "./quantization.ts";
export { writeLora, type LoraShape } from "./lora.ts";
export { decoderNamed, shapeNamed, shapes, type ModelShape } from "./shapes.ts";
export { familyVocabulary, infillVocabulary, type FamilyVocabulary } from "./vocabulary/family-vocabulary.ts";
export { scriptedPath, writeScriptedModel, type ScriptedModel, type ScriptedModelOptions } from "./scripted-model.ts";
export type { Answer, Script } from "./script.ts";
export { writeSinglePrecision } from "./single-precision.ts";
export {
  likeOf,
  pictureShapes,
  writeProjector,
  writePictureModel,
  type PictureModel,
  type PictureModelOptions,
  type PictureShape,
} from "./pictures/picture-model.ts";
