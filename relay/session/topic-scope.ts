/**
 * Under what name the hub knows a topic of another dialect than `topic`: no name of that one begins so (protocol/fields.ts),
 * and no two dialects have the same beginning. So topics of different dialects never meet.
 */
export function scopedTopicName(dialect: string, name: string): string {
  return `\0${dialect}\0${name}`;
}
