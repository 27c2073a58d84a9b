export { adviseModel, adviseModels, bestOf, bestOfPurposes, type Advice } from "./advise.ts";
export { recommendedByName } from "./by-name.ts";
export {
  listWords,
  listedOn,
  purposeNames,
  purposes,
  recommendedModels,
  type Purpose,
  type RecommendedModel,
} from "./recommended-models.ts";
export { headerOfShape } from "./shape-header.ts";
