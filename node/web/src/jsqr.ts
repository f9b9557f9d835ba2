// @ts-expect-error it has no types
export { default } from "./vendor/jsqr/jsQR.js";
