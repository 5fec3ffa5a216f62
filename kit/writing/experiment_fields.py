"""The fields of an experiment's form, each with what it means."""

from kit.messages import mark
from kit.writing.form_fields import ExperimentField

FIELDS: tuple[ExperimentField, ...] = (
    ExperimentField(
        key="stories",
        kind="texts",
        label=mark("Stories"),
        help=mark("Story files, seen from the folder of this experiment."),
    ),
    ExperimentField(
        key="base",
        kind="text",
        label=mark("Base"),
        help=mark(
            "mini comes with storykit; kolors is the contest's; or a folder or a hub's name of Kolors, SDXL, "
            "Stable Diffusion or Stable Cascade."
        ),
    ),
    ExperimentField(
        key="orders",
        kind="texts",
        label=mark("Prompt orders"),
        help=mark("In which orders the clauses of a prompt stand; each is drawn. By default as written."),
    ),
    ExperimentField(
        key="seeds",
        kind="seeds",
        label=mark("Seeds"),
        help=mark("As 0-7 or 0, 3, 12. One for a try, eight for a verdict; each is a set of eight panels."),
    ),
    ExperimentField(
        key="steps",
        kind="whole",
        label=mark("Steps"),
        help=mark("Denoising steps. By default 25 for mini, 50 for Kolors, what suits it for another base."),
    ),
    ExperimentField(
        key="cfg",
        kind="number",
        label=mark("cfg"),
        help=mark("Classifier-free guidance, from 1 (none). By default 4, what suits it for another base."),
    ),
    ExperimentField(
        key="size",
        kind="whole",
        label=mark("Size"),
        help=mark("Side of a panel in pixels, a multiple of 32. By default 256 for mini, 1024 for Kolors."),
    ),
    ExperimentField(
        key="sampler",
        kind="text",
        label=mark("Sampler"),
        advanced=True,
        choices=("own", "ddim", "dpm++2m", "euler", "euler-a", "lcm", "unipc"),
        help=mark("Of SDXL and Stable Diffusion; own is the one in the base's folder. Kolors has ddim."),
    ),
    ExperimentField(
        key="spacing",
        kind="text",
        label=mark("Spacing of the steps"),
        advanced=True,
        choices=("leading", "trailing", "linspace"),
        help=mark("Of SDXL and Stable Diffusion; by default as the base's folder says."),
    ),
    ExperimentField(
        key="decoder_steps",
        kind="whole",
        label=mark("Decoder steps"),
        advanced=True,
        help=mark("Of Stable Cascade's second stage. By default 10."),
    ),
    ExperimentField(
        key="consistency",
        kind="number",
        label=mark("Consistency"),
        help=mark("How strongly characters are kept the same, 0 to 1: 0 for not at all, 0.7 to begin with."),
    ),
    ExperimentField(
        key="noise",
        kind="text",
        label=mark("Noise"),
        advanced=True,
        choices=("portable", "contest"),
        help=mark("portable is the same on every machine; contest draws it as the contest's notebook does."),
    ),
    ExperimentField(
        key="noise_per_panel",
        kind="flag",
        label=mark("Noise of its own for each panel"),
        advanced=True,
        help=mark("Start panel 3 of seed 12 from the noise of 123, instead of all eight from that of 12."),
    ),
    ExperimentField(
        key="anchor_seed",
        kind="whole",
        label=mark("Seed of the anchors"),
        advanced=True,
        help=mark("Whose pictures all panels match, so that all seeds show one hero; else each its own."),
    ),
    ExperimentField(
        key="cut_long_prompts",
        kind="flag",
        label=mark("Cut long prompts"),
        advanced=True,
        help=mark("Draw with what the text encoder reads of a prompt that is too long, instead of refusing."),
    ),
    ExperimentField(
        key="long_prompts",
        kind="flag",
        label=mark("Read long prompts"),
        advanced=True,
        help=mark("Of SDXL and Stable Diffusion: read what is beyond 75 tokens too, in pieces."),
    ),
    ExperimentField(
        key="batch",
        kind="whole",
        label=mark("Batch"),
        advanced=True,
        help=mark("Panels drawn together. By default what the device takes."),
    ),
    ExperimentField(
        key="memory",
        kind="text",
        label=mark("Memory"),
        advanced=True,
        choices=("auto", "low"),
        help=mark("low draws one panel at a time, for a GPU with little memory."),
    ),
    ExperimentField(
        key="quality",
        kind="text",
        label=mark("Quality"),
        advanced=True,
        choices=("final", "draft"),
        help=mark("draft draws cheaply, from the noise of the finals, to see which are worth drawing."),
    ),
    ExperimentField(
        key="sampler",
        table="draft",
        kind="text",
        label=mark("Sampler of drafts"),
        advanced=True,
        choices=("dpm++2m", "ddim", "own", "euler", "euler-a", "lcm", "unipc"),
        help=mark(
            "dpm++2m needs fewer steps; ddim is what finals of Kolors have; the others are not for it."
        ),
    ),
    ExperimentField(
        key="steps",
        table="draft",
        kind="whole",
        label=mark("Steps of drafts"),
        advanced=True,
        help=mark("By default 9 for mini, 20 for Kolors."),
    ),
    ExperimentField(
        key="guidance_until",
        table="draft",
        kind="number",
        label=mark("Guidance of drafts until"),
        advanced=True,
        help=mark("Share of the steps that are guided, up to 1; the others cost half. By default 0.65."),
    ),
    ExperimentField(
        key="size",
        table="draft",
        kind="whole",
        label=mark("Size of drafts"),
        advanced=True,
        help=mark("By default the final's, which must be a whole multiple of it."),
    ),
    ExperimentField(
        key="cache_every",
        table="draft",
        kind="whole",
        label=mark("Deep features of drafts every"),
        advanced=True,
        help=mark("Compute the UNet's inner blocks in every so many-th step only. By default 1, in all."),
    ),
    ExperimentField(
        key="baseline",
        table="compare",
        kind="text",
        label=mark("Compared with"),
        help=mark("A candidate. By default the first one without a LoRA."),
    ),
    ExperimentField(
        key="metrics",
        table="compare",
        kind="texts",
        label=mark("Metrics"),
        help=mark("What is judged. The fewer, the fewer seeds a verdict needs; by default all that counts."),
    ),
    ExperimentField(
        key="aesthetic",
        table="score",
        kind="text",
        label=mark("Aesthetics predictor"),
        advanced=True,
        help=mark("mini, which comes with storykit, or a folder with a predictor's weights."),
    ),
    ExperimentField(
        key="clip",
        table="score",
        kind="text",
        label=mark("Encoder"),
        advanced=True,
        help=mark("mini, which comes with storykit, or a folder with CLIP weights."),
    ),
    ExperimentField(
        key="calibration",
        table="score",
        kind="text",
        label=mark("Calibration"),
        advanced=True,
        help=mark("A file of `storykit metrics validate`: what may be believed of these weights."),
    ),
    ExperimentField(
        key="gate",
        table="score",
        kind="number",
        label=mark("Gate"),
        advanced=True,
        help=mark("The mean aesthetic score that an entry needs. By default the contest's 6."),
    ),
    ExperimentField(
        key="letters",
        table="score",
        kind="flag",
        label=mark("Read letters"),
        advanced=True,
        help=mark("Tell where pictures show letters that no story asks for; needs an extra."),
    ),
    *(
        ExperimentField(
            key=key,
            table=table,
            kind="text",
            label=label,
            advanced=True,
            help=mark("A folder, or the name of a model that was downloaded. For panels with control."),
        )
        for table, key, label in (
            ("controlnets", "canny", mark("ControlNet for edges")),
            ("controlnets", "depth", mark("ControlNet for depth")),
            ("controlnets", "pose", mark("ControlNet for poses")),
            ("controlnets", "map", mark("ControlNet for ready maps")),
            ("annotators", "depth", mark("What finds depth")),
            ("annotators", "pose", mark("What finds poses")),
        )
    ),
    *(
        ExperimentField(key=key, table="words", kind="texts", label=label, advanced=True, help=said)
        for key, label, said in (
            ("identity", mark("Words of figures"), mark("Figures that we may not know, one a line.")),
            ("style", mark("Words of styles"), mark("Styles that we may not know, one a line.")),
            ("place", mark("Words of places"), mark("Places that we may not know, one a line.")),
            ("staging", mark("Words of poses"), mark("Poses, faces and framings, one a line.")),
        )
    ),
)
"""The fields beside the candidates, in the order in which they are shown."""

CANDIDATE_FIELDS: tuple[ExperimentField, ...] = (
    ExperimentField(
        key="name",
        table="candidate",
        kind="text",
        label=mark("Name"),
        help=mark("Lower-case letters of any script, digits and dashes."),
    ),
    ExperimentField(
        key="lora",
        table="candidate",
        kind="text",
        label=mark("LoRA"),
        help=mark(
            "A file, mini:ink, mini:watercolour, mini:cyberpunk, or a training's saved steps as "
            "my/steps/*.safetensors; nothing for the base alone."
        ),
    ),
    ExperimentField(
        key="strength",
        table="candidate",
        kind="number",
        label=mark("Strength"),
        help=mark("1 is as trained, above 0, 2 at most."),
    ),
    ExperimentField(
        key="trigger",
        table="candidate",
        kind="text",
        label=mark("Trigger word"),
        help=mark("Stands in front of each of its prompts: the words that the LoRA was trained with."),
    ),
    ExperimentField(
        key="consistency",
        table="candidate",
        kind="number",
        label=mark("Consistency"),
        help=mark("By default the experiment's."),
    ),
    ExperimentField(
        key="negative",
        table="candidate",
        kind="text",
        label=mark("Negative prompt"),
        empty_says=True,
        help=mark("What none of its panels shall show, instead of what its stories say."),
    ),
    ExperimentField(
        key="strengths",
        table="candidate",
        kind="numbers",
        label=mark("Several strengths"),
        advanced=True,
        help=mark("Makes a candidate of each, as 0.4, 0.7, 1."),
    ),
    ExperimentField(
        key="consistencies",
        table="candidate",
        kind="numbers",
        label=mark("Several consistencies"),
        advanced=True,
        help=mark("Makes a candidate of each, as 0, 0.6."),
    ),
    ExperimentField(
        key="blocks",
        table="candidate",
        kind="blocks",
        label=mark("Blocks"),
        advanced=True,
        help=mark("What groups of blocks, or single ones, count of it, as content=0.4, style=1, rest=0.7."),
    ),
    ExperimentField(
        key="step",
        table="candidate",
        kind="whole",
        label=mark("Saved step"),
        advanced=True,
        help=mark("Which step of its training it is; where LoRA stands for several files, each has its own."),
    ),
    ExperimentField(
        key="alpha",
        table="candidate",
        kind="number",
        label=mark("Alpha"),
        advanced=True,
        help=mark("That it was trained with, where the file does not say."),
    ),
)
