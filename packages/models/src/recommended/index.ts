export { adviseModel, adviseModels, bestOfPurposes, type Advice } from "./advise.ts";
export { knownShapes, type KnownShape } from "./known-shapes.ts";
export {
  downloadWords,
  listedOn,
  purposeNames,
  purposes,
  recommendedModels,
  type Purpose,
  type RecommendedModel,
} from "./recommended-models.ts";
export { headerOfShape } from "./shape-header.ts";
