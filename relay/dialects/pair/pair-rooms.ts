/** One socket as its room knows it. Implemented by pair-session.ts. */
export interface Occupant {
  /** When it came, on the clock of `Rooms.lookAround`. */
  readonly cameAtMs: number;
  /** Whether it is known to be of this dialect. */
  readonly isSettled: boolean;
  /** The other seat has something for it: it is this dialect's from now on. */
  settle(): void;
  /** The other one has left: this one is to be closed behind what it is owed. @param isRestart a planned stop has closed it. */
  partnerLeft(how: { readonly isRestart: boolean }): void;
  /** No partner has come. */
  waitedInVain(): void;
}

/** The sockets of one id, in the order in which they came: the first two are the pair. */
export class Room {
  /** Of all rooms that this id ever had: what is on its way in an old one must not meet the next. */
  readonly topic: string;
  readonly id: string;
  readonly #occupants: Occupant[] = [];
  #byteCount = 0;

  constructor(id: string, serial: number) {
    this.id = id;
    this.topic = `${serial}/${id}`;
  }

  /** What its occupants have sent. */
  get byteCount(): number {
    return this.#byteCount;
  }

  /** Whether both seats are taken, and one of the two is known to be of this dialect. */
  get isPaired(): boolean {
    const [first, second] = this.#occupants;
    return first !== undefined && second !== undefined && (first.isSettled || second.isSettled);
  }

  /** In the order in which they came. A view. */
  get occupants(): readonly Occupant[] {
    return this.#occupants;
  }

  /** Whether it is one of the two. */
  hasSeat(occupant: Occupant): boolean {
    const [first, second] = this.#occupants;
    return occupant === first || occupant === second;
  }

  /** Who has the other seat. */
  partnerOf(occupant: Occupant): Occupant | undefined {
    const [first, second] = this.#occupants;
    if (occupant === first) return second;
    return occupant === second ? first : undefined;
  }

  /** The rooms' alone. */
  enter(occupant: Occupant): void {
    this.#occupants.push(occupant);
  }

  /** The rooms' alone. */
  remove(occupant: Occupant): void {
    const place = this.#occupants.indexOf(occupant);
    if (place >= 0) this.#occupants.splice(place, 1);
  }

  /** The rooms' alone. */
  count(byteLength: number): void {
    this.#byteCount += byteLength;
  }
}

/** How many may wait for a partner, and for how long. */
export type PairOptions = { readonly maxWaitingPairs: number; readonly pairWaitTimeoutMs: number };

/** All rooms that have somebody in them, and those who wait for a partner: bounded in number and in age. */
export class Rooms {
  readonly #options: PairOptions;
  readonly #byId = new Map<string, Room>();
  readonly #waiting = new Set<Occupant>();
  readonly #paired = new Set<Room>();
  #roomCount = 0;
  #byteCount = 0;

  constructor(options: PairOptions) {
    this.#options = options;
  }

  /** Rooms that have somebody in them, those with a pair, and the bytes that have been sent in them. */
  get counts(): { readonly rooms: number; readonly paired: number; readonly byteCount: number } {
    return { rooms: this.#byId.size, paired: this.#paired.size, byteCount: this.#byteCount };
  }

  /** Whether two are in there already. */
  isFull(id: string): boolean {
    return (this.#byId.get(id)?.occupants.length ?? 0) >= 2;
  }

  /** Takes a place behind those who are there. @returns undefined: nobody is, and too many wait for a partner already. */
  enter(id: string, occupant: Occupant): Room | undefined {
    let room = this.#byId.get(id);
    const isOneOfTwo = room !== undefined && room.occupants.length === 1;
    if (!isOneOfTwo && this.#waiting.size >= this.#options.maxWaitingPairs) return undefined;
    if (room === undefined) {
      this.#roomCount += 1;
      room = new Room(id, this.#roomCount);
      this.#byId.set(id, room);
    }
    room.enter(occupant);
    this.#changed(room);
    return room;
  }

  /** Leaves as if it had never been here. */
  withdraw(room: Room, occupant: Occupant): void {
    room.remove(occupant);
    this.#waiting.delete(occupant);
    this.#changed(room);
    if (room.occupants.length === 0) this.#close(room);
  }

  /** It has left, and with it a pair: the room is no more, and who comes to this id from now on begins anew. */
  leave(room: Room, occupant: Occupant, how: { readonly isRestart: boolean }): void {
    const partner = room.hasSeat(occupant) && room.isPaired ? room.partnerOf(occupant) : undefined;
    this.withdraw(room, occupant);
    if (partner === undefined) return;
    this.withdraw(room, partner);
    partner.partnerLeft(how);
  }

  /** It is known to be of this dialect now. */
  settled(room: Room): void {
    this.#changed(room);
  }

  sent(room: Room, byteLength: number): void {
    room.count(byteLength);
    if (this.#byId.get(room.id) === room) this.#byteCount += byteLength;
  }

  /** Ends those who have waited for too long. */
  lookAround(nowMs: number): void {
    for (const occupant of this.#waiting) {
      if (nowMs - occupant.cameAtMs >= this.#options.pairWaitTimeoutMs) occupant.waitedInVain();
    }
  }

  /** Who has a pair waits for none. */
  #changed(room: Room): void {
    if (room.isPaired) this.#paired.add(room);
    else this.#paired.delete(room);
    for (const occupant of room.occupants) {
      if (room.isPaired && room.hasSeat(occupant)) this.#waiting.delete(occupant);
      else this.#waiting.add(occupant);
    }
  }

  #close(room: Room): void {
    if (this.#byId.get(room.id) !== room) return;
    this.#byId.delete(room.id);
    this.#byteCount -= room.byteCount;
  }
}
