"""A protocol for ByzLab in Python: replica 0 proposes, and a block is final when a quorum signed it.

    [protocol]
    process = ["python3", "examples/process/quorum.py"]

Safe whatever happens, for a replica signs one block a height, and two quorums share an honest
replica. Live while replica 0 is. How programs and hosts talk is in docs/any-language.md.
"""

import hashlib
import json
import sys

LEADER = 0
RETRY = 300_000_000  # nanoseconds


def digest_of(height, parent, producer, root):
    """The digest of a block: what a chain of blocks is linked by."""
    parts = (b"byzlab/block/1", height.to_bytes(8, "little"), bytes.fromhex(parent),
             producer.to_bytes(2, "little"), bytes.fromhex(root))
    return hashlib.sha256(b"".join(parts)).hexdigest()


def is_final(block, quorum):
    """Whether a quorum signed this very block. The host has proven, or will, that they did."""
    return any(s["domain"] == "vote" and s["body"] == block["digest"]
               and len(s["signers"]) >= quorum for s in block["signed"])


class Replica:
    def __init__(self, seat):
        self.me, self.quorum = seat["me"], seat["quorum"]
        self.head = seat["head"]
        self.pending = None  # the block above the head that this replica signed
        self.votes = {}  # (height, digest) -> {signer: certificate}
        self.out = []
        for record in seat["records"]:
            saved = json.loads(record["text"])
            if saved["height"] > self.head["height"]:
                self.pending = saved

    def step(self, now, event):
        (kind, what), = event.items()
        self.now, self.out = now, []
        if kind == "start":
            self.do(lead=LEADER)
            self.repeat() if self.pending else self.want()
        elif kind == "batch":
            self.propose(what)
        elif kind == "message":
            getattr(self, "on_" + what["kind"])(what["from"], what)
        elif kind == "timer":
            self.repeat()
        elif kind == "blocks":
            for block in what["blocks"]:
                self.send(what["tag"], "block", blocks=[block["digest"]])
        return self.out

    def do(self, **effect):
        self.out.append(effect)

    def send(self, to, kind, body=None, **more):
        self.do(send={"to": to, "kind": kind, "body": body, **more})

    def next(self):
        return self.head["height"] + 1

    def want(self):
        if self.me == LEADER and not self.pending:
            self.do(want_batch={"transactions": 1000, "bytes": 1 << 20, "patience": 5_000_000})

    def propose(self, batch):
        if self.pending is None:
            note = {"view": 0, "height": self.next(), "transactions": batch["transactions"]}
            self.do(note={"proposed": note})
            self.sign(batch["root"])
            self.repeat()

    def sign(self, root):
        """Signs a block, the only one of its height ever; saved before the signature leaves."""
        digest = digest_of(self.next(), self.head["digest"], LEADER, root)
        self.pending = {"height": self.next(), "root": root, "digest": digest}
        self.do(compact=[{"text": json.dumps(self.pending), "batches": [root]}])

    def repeat(self):
        """Says what it has to say: for the first time, or again, for someone may not have heard."""
        if self.pending is None:
            return
        height, root, digest = (self.pending[key] for key in ("height", "root", "digest"))
        if self.me == LEADER:
            self.send("all", "propose", height, batches=[root])
        self.send("all", "vote", height, signed=[{"domain": "vote", "body": digest}])
        self.do(arm={"timer": "retry", "at": self.now + RETRY})

    def on_propose(self, sender, message):
        if sender == LEADER and message["body"] == self.next() and len(message["batches"]) == 1:
            root = message["batches"][0]["root"]
            if self.pending is None:
                self.sign(root)
                self.repeat()
            self.count()

    def on_vote(self, sender, message):
        height, signed = message["body"], message["signed"]
        if not isinstance(height, int) or len(signed) != 1 or signed[0]["signers"] != [sender] \
                or signed[0]["domain"] != "vote":
            return self.do(note={"dropped": {"from": sender, "kind": "vote"}})
        if height < self.next():  # it missed that this is final
            if sender != self.me and height > 0:
                self.do(read={"from": height, "count": 1, "tag": sender})
        elif height > self.next():  # so did this replica
            self.send(sender, "request", self.next())
        else:
            signers = self.votes.setdefault((height, signed[0]["body"]), {})
            if len(self.votes) < 8:  # nobody honest signs two, so more are lies
                signers[sender] = signed[0]["certificate"]
            self.count()

    def count(self):
        """Commits the pending block if a quorum has signed it."""
        if self.pending is None:
            return
        height, root, digest = (self.pending[key] for key in ("height", "root", "digest"))
        signers = self.votes.get((height, digest), {})
        if len(signers) >= self.quorum:
            proof = {"domain": "vote", "body": digest, "certificates": list(signers.values())}
            self.commit(height, digest, {"height": height, "producer": LEADER, "batch": root,
                                         "signed": [proof]})

    def commit(self, height, digest, block):
        self.do(commit=block)
        self.head = {"height": height, "digest": digest}
        self.pending, self.votes = None, {}
        self.do(disarm="retry")
        self.want()

    def on_request(self, sender, message):
        if isinstance(message["body"], int) and 0 < message["body"] < self.next():
            self.do(read={"from": message["body"], "count": 16, "tag": sender})

    def on_block(self, sender, message):
        for block in message["blocks"]:
            fits = block["height"] == self.next() and block["parent"] == self.head["digest"]
            if fits and is_final(block, self.quorum):
                self.commit(block["height"], block["digest"], {"block": block["digest"]})


def main():
    replica = None
    for line in sys.stdin:
        question = json.loads(line)
        if question["ask"] == "begin":
            replica, answer = Replica(question), {}
        elif question["ask"] == "step":
            answer = {"do": replica.step(question["now"], question["event"])}
        elif question["ask"] == "audit":
            answer = {"final": is_final(question["block"], question["quorum"])}
        print(json.dumps(answer), flush=True)


main()
