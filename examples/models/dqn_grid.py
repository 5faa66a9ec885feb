"""Deep Q-learning: an agent learns the shortest way through a grid by trying.

The agent sees where it is, moves, and pays 1 for every step until it reaches the goal. The network
predicts, for each move, the reward of all that follows: Q. Two ideas make that stable (Mnih et al.,
2015): it learns from steps drawn at random from a memory, and its targets come from an older copy
of the network. The result is checked from every free cell: a breadth-first search, which knows the
map, counts the steps of the shortest way.
"""

from collections import deque

import numpy as np
from program import Run, start

import nn
from tinygrad_edu import capture, huber_loss, no_grad

SEED = 0
MAP = [
    "........",
    ".####.#.",
    ".#....#.",
    ".#.####.",
    ".#......",
    ".#.###.#",
    "...#...#",
    ".#...#.G",
]
MOVES = np.array([(-1, 0), (0, 1), (1, 0), (0, -1)])  # up, right, down, left
ARROWS = "^>v<"
GAMMA, BATCH = 0.97, 64


class Grid:
    """The map: cells are numbered, and a move against a wall stays where it is."""

    def __init__(self, rows):
        self.width = len(rows[0])
        self.free = [
            (r, c) for r, row in enumerate(rows) for c, cell in enumerate(row) if cell != "#"
        ]
        number = {cell: n for n, cell in enumerate(self.free)}
        self.goal = next(number[r, c] for r, c in self.free if rows[r][c] == "G")
        self.next = np.array(
            [[number.get((r + dr, c + dc), number[r, c]) for dr, dc in MOVES] for r, c in self.free]
        )
        self.one_hot = np.eye(len(self.free), dtype=np.float32)  # what the network sees

    def distances(self):
        """Return the number of steps of the shortest way to the goal, from each cell."""
        steps, waiting = {self.goal: 0}, deque([self.goal])
        while waiting:
            cell = waiting.popleft()
            for before in np.flatnonzero((self.next == cell).any(axis=1)):
                if before not in steps:
                    steps[before] = steps[cell] + 1
                    waiting.append(before)
        return [steps[cell] for cell in range(len(self.free))]

    def walk(self, moves, begin):
        """Return the number of steps to the goal with one move for each cell; None if lost."""
        cell = begin
        for steps in range(len(self.free)):
            if cell == self.goal:
                return steps
            cell = self.next[cell, moves[cell]]
        return None


def copy_weights(source, target):
    target.load_state_dict(source.state_dict())


def train(grid, network, steps, generator):
    """Walk and learn; return the number of steps of each walk."""
    older = nn.MLP(network.structure, seed=SEED)
    copy_weights(network, older)
    optimizer = nn.Adam(network.parameters(), lr=2e-3)

    @capture
    def values(x):
        with no_grad():
            return network(x)

    @capture
    def learn(x, moves, rewards, x_next, goes_on):
        with no_grad():
            following = older(x_next).max(axis=1)
        targets = rewards + GAMMA * following * goes_on  # nothing follows the goal
        optimizer.zero_grad()
        loss = huber_loss((network(x) * moves).sum(axis=1), targets)
        loss.backward(keep_interior=False)
        optimizer.step()
        return loss

    one_move = np.eye(len(MOVES), dtype=np.float32)
    memory, walks = deque(maxlen=5000), []
    cell, walked = int(generator.integers(len(grid.free))), 0
    for number in range(steps):
        curiosity = max(0.1, 1 - 2 * number / steps)  # the probability of a random move
        if generator.random() < curiosity:
            move = int(generator.integers(len(MOVES)))
        else:
            move = int(values(grid.one_hot[cell][None]).data.argmax())
        after = int(grid.next[cell, move])
        memory.append((cell, move, after))
        cell, walked = after, walked + 1
        if cell == grid.goal or walked == 100:
            walks.append(walked)
            cell, walked = int(generator.integers(len(grid.free))), 0

        if len(memory) >= 500:
            chosen = [memory[i] for i in generator.integers(len(memory), size=BATCH)]
            before, moves, later = np.array(chosen).T
            goes_on = (later != grid.goal).astype(np.float32)
            rewards = np.full(BATCH, -1, np.float32)
            learn(grid.one_hot[before], one_move[moves], rewards, grid.one_hot[later], goes_on)
        if number % 250 == 0:
            copy_weights(network, older)
        if number % (steps // 5) == steps // 5 - 1:
            print(f"step {number + 1}: the last walks took {np.mean(walks[-50:]):.1f} steps")
    return walks


def main(quick=False, out=None):
    """Train, then compare the way from every cell with the shortest one."""
    run = Run("dqn_grid", out, SEED)
    generator = np.random.default_rng(SEED)
    grid = Grid(MAP[-4:] if quick else MAP)
    network = nn.MLP([len(grid.free), 64, 64, len(MOVES)], generator=generator)
    train(grid, network, 3000 if quick else 20000, generator)

    with no_grad():
        best = network(grid.one_hot).data.argmax(axis=1)
    shortest = grid.distances()
    optimal = [grid.walk(best, begin) == steps for begin, steps in enumerate(shortest)]

    letters = [["#"] * grid.width for _ in range(grid.free[-1][0] + 1)]
    for number, (row, column) in enumerate(grid.free):
        letters[row][column] = "G" if number == grid.goal else ARROWS[best[number]]
    print("\n".join(" ".join(row) for row in letters))
    loss = huber_loss(network(grid.one_hot[:8]).max(axis=1), np.full(8, -1, np.float32))
    run.draw(loss, network, "A network that values moves")
    return run.finish(optimal_starts=float(np.mean(optimal)), longest_way=max(shortest))


if __name__ == "__main__":
    start(main)
