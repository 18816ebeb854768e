"""Pairs that each of the judgement's wider rules could mistake, as `trap_pairs` makes its own: one text, the
other, and the fillers for both."""

from __future__ import annotations

KINDS = """
electric/car leather/shoe running/shoe gaming/laptop green/tea brown/rice mountain/bike acoustic/guitar
diesel/engine school/bus credit/card wedding/dress horror/movie cat/food kitchen/knife night/club olive/oil
frozen/pizza flash/game android/app online/course summer/job chest/workout law/school medical/college
wild/mushroom dark/chocolate plastic/bottle hiking/boot winter/coat used/car student/loan health/insurance
chess/club cover/letter chocolate/cake potato/soup wool/sock gold/ring smart/watch video/camera laser/printer
fantasy/novel crime/novel
"""
"""A thing, and one kind of it that lies near it."""

RULE_TRAPS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "one kind of it": (
        (
            "What is the best {y} to buy in London for beginners?",
            "What is the best {x} {y} to buy in London for beginners?",
            "kinds",
        ),
        (
            "How do I clean a {y} without a lot of water?",
            "How do I clean a {x} {y} without a lot of water?",
            "kinds",
        ),
        ("Where can I sell my {y} in a small town?", "Where can I sell my {x} {y} in a small town?", "kinds"),
        ("How do I choose a {y} for a long trip?", "How do I choose a {x} {y} for a long trip?", "kinds"),
        ("Why is a {y} so expensive in Norway?", "Why is a {x} {y} so expensive in Norway?", "kinds"),
    ),
    "which of two": (
        ("Which is better, {a} or {b}?", "Which is worse, {a} or {b}?", "foods"),
        ("{a} or {b}, which is better?", "{a} or {b}, which is cheaper?", "foods"),
        ("Which is better, {a} or {b}?", "Which is better, {a} or rice?", "conditions"),
        ("Is a {a} or a {b} better?", "Is a {a} or a {b} stronger?", "animals"),
        ("Which is better for soup, {a} or {b}?", "Which is better, {a} or {b}?", "foods"),
        ("Who is better, {a} or {b}?", "Who is older, {a} or {b}?", "names"),
        ("Is a {a} better than a {b}?", "Is a {b} better than a {a}?", "things"),
        ("What distinguishes a {a} from a {b}?", "What distinguishes a {a} from a cow?", "animals"),
        (
            "Is there any difference between {a} and {b}?",
            "Is there any difference between {a} and rice?",
            "languages",
        ),
    ),
    "what to choose": (
        ("What {a} should I buy?", "What {a} should I not buy?", "things"),
        ("What {a} should I buy?", "What {a} should I sell?", "things"),
        ("What {a} should I buy?", "What {a} should my son buy?", "things"),
        ("What {a} should I buy?", "What {a} should I buy for work?", "things"),
        ("What do you think is the best {a}?", "What do you think of the best {a}?", "things"),
        ("What are the best books to learn {a}?", "What are the best books to teach {a}?", "languages"),
        ("What are the best courses to learn {a}?", "What are the best courses to learn {b}?", "languages"),
        ("What should I do if a {a} bites me?", "What should I do if I bite a {a}?", "animals"),
        ("What should I do when my {a} breaks?", "What should I do before my {a} breaks?", "things"),
        ("When should I sell my {a}?", "When can I sell my {a}?", "things"),
        ("When is the best time to visit {a}?", "When is the worst time to visit {a}?", "places"),
        ("When is the best time to visit {a}?", "When is the best time to leave {a}?", "places"),
    ),
    "how much and how many": (
        ("How much does a {a} earn?", "How much does a {a} spend?", "roles"),
        ("What is the salary of a {a}?", "What is the minimum salary of a {a}?", "roles"),
        ("What is the salary of a {a}?", "What is the age of a {a}?", "roles"),
        ("How many people live in {a}?", "How many people vote in {a}?", "places"),
        ("How many people live in {a}?", "How many women live in {a}?", "places"),
        ("What is the population of {a}?", "What is the area of {a}?", "places"),
        ("What is the weight of a {a}?", "What is the size of a {a}?", "animals"),
        ("At what age do {a}s sleep?", "At what age do {a}s stop growing?", "animals"),
    ),
    "quoted and moved": (
        ('Who wrote "The {a}"?', 'Who wrote "The {b}"?', "roles"),
        ('Who said "a {a} is a {b}"?', 'Who said "a {b} is a {a}"?', "animals"),
        ('What does "{a}" mean?', 'What does "{b}" mean?', "conditions"),
        ('What does "{a}" mean?', "What is {a}?", "conditions"),
        ("What did {a} tell {b} about Lucy?", "What did {b} tell {a} about Lucy?", "names"),
        ("What did {a} say about Lucy to {b}?", "What did {a} say to Lucy about {b}?", "names"),
        ("Why was {a} angry with {b}?", "Why was {b} angry with {a}?", "names"),
        ("What is the role of {a} in {b}?", "What is the role of {b} in {a}?", "conditions"),
        ("Which photos were taken by the {a}?", "Which photos were taken of the {a}?", "roles"),
        ("What makes a {a} so loud?", "What makes a {a} so quiet?", "things"),
        ("What led to {a}?", "What did {a} lead to?", "conditions"),
        ("What caused {a}?", "What did {a} cause?", "conditions"),
        ("Is {a} bad? If so, why?", "Is {b} bad? If so, why?", "foods"),
        ("What is {a}? What are the causes?", "What are the causes?", "conditions"),
    ),
    "long yes-no questions": (
        (
            "Does {a} keep you awake in winter evenings?",
            "Does {a} keep you asleep in winter evenings?",
            "foods",
        ),
        ("Do young {a}s sleep better in warm rooms?", "Do young {a}s sleep better in cool rooms?", "animals"),
        ("Do young {a}s eat better in warm rooms?", "Do young {a}s drink better in warm rooms?", "animals"),
        (
            "Is my {a} allowed to enter my flat at night?",
            "Is my {a} allowed to leave my flat at night?",
            "roles",
        ),
        ("Will the new law help small towns in {a}?", "Will the new law harm small towns in {a}?", "places"),
        (
            "Is the {a} the largest animal in cold lakes?",
            "Is the {a} the oldest animal in cold lakes?",
            "animals",
        ),
        (
            "Are there free museums for young people in {a}?",
            "Are there cheap museums for young people in {a}?",
            "places",
        ),
        (
            "Should I water {a} every day in hot summers?",
            "Should I feed {a} every day in hot summers?",
            "foods",
        ),
    ),
}
