import { type HttpAnswer, type HttpFound, judgeAnswer } from "./common/http-answer.ts";
import { askPlainly } from "./http-question.ts";
import type { Patient, Way } from "./scene.ts";

/** Asks the relay for something that is no WebSocket. */
export async function checkHttp(patient: Patient, way: Way): Promise<HttpFound> {
  let answer: HttpAnswer | undefined;
  try {
    answer = await askPlainly(patient, await way());
  } catch {
    // As one that does not answer.
  }
  return judgeAnswer(answer, patient.epochMs());
}
