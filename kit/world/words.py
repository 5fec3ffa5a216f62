"""The words for everything in the drawn world, in Chinese and English, with the synonyms people write."""

from kit.messages import Language
from kit.world.scene import (
    Colour,
    Degradation,
    Expression,
    Framing,
    HairLength,
    Kind,
    Place,
    Pose,
    Prop,
    Style,
    Time,
)

Words = tuple[str, ...]

KINDS: dict[Language, dict[Kind, Words]] = {
    "zh": {
        "girl": ("小女孩", "女孩", "少女", "小姑娘", "女孩子"),
        "boy": ("小男孩", "男孩", "小男生", "男孩子"),
        "youth": ("青年", "少年", "男青年", "年轻人", "小伙子"),
        "woman": ("女人", "女士", "年轻女子", "妈妈", "阿姨"),
        "man": ("男人", "大叔", "先生", "爸爸", "中年男子"),
        "kitten": ("小猫", "猫咪", "小猫咪", "猫"),
        "dog": ("小狗", "狗狗", "小狗狗", "狗"),
        "rabbit": ("小兔子", "兔子", "兔兔", "小兔"),
        "dragon": ("小龙", "小飞龙", "龙", "小龙宝宝"),
    },
    "en": {
        "girl": ("girl", "little girl", "young girl"),
        "boy": ("boy", "little boy", "young boy"),
        "youth": ("youth", "young man", "teenager", "young guy"),
        "woman": ("woman", "lady", "mother"),
        "man": ("man", "gentleman", "bearded man", "father"),
        "kitten": ("kitten", "cat", "little cat", "kitty"),
        "dog": ("dog", "puppy", "little dog"),
        "rabbit": ("rabbit", "bunny", "little rabbit"),
        "dragon": ("dragon", "little dragon", "baby dragon"),
    },
}
COLOURS: dict[Language, dict[Colour, Words]] = {
    "zh": {
        "black": ("黑色", "黑"),
        "white": ("白色", "白"),
        "grey": ("灰色", "灰"),
        "brown": ("棕色", "褐色"),
        "blond": ("金色", "金黄色"),
        "red": ("红色", "红"),
        "orange": ("橙色", "橘色"),
        "yellow": ("黄色", "黄"),
        "green": ("绿色", "绿"),
        "blue": ("蓝色", "蓝"),
        "purple": ("紫色", "紫"),
        "pink": ("粉色", "粉红色"),
    },
    "en": {
        "black": ("black",),
        "white": ("white",),
        "grey": ("grey", "gray"),
        "brown": ("brown",),
        "blond": ("blond", "golden", "blonde"),
        "red": ("red",),
        "orange": ("orange", "ginger"),
        "yellow": ("yellow",),
        "green": ("green",),
        "blue": ("blue",),
        "purple": ("purple", "violet"),
        "pink": ("pink",),
    },
}
HAIR_LENGTHS: dict[Language, dict[HairLength, str]] = {
    "zh": {"short": "短发", "long": "长发"},
    "en": {"short": "short", "long": "long"},
}
CLOTHES: dict[Language, dict[Kind, Words]] = {
    "zh": {
        "girl": ("裙子", "连衣裙", "小裙子", "衣服"),
        "boy": ("T恤", "上衣", "短袖", "衣服"),
        "youth": ("卫衣", "上衣", "衬衫", "外套", "衣服"),
        "woman": ("长裙", "连衣裙", "裙子", "衣服"),
        "man": ("西装", "西服", "外套", "衣服"),
    },
    "en": {
        "girl": ("dress", "skirt", "clothes"),
        "boy": ("shirt", "t-shirt", "clothes"),
        "youth": ("hoodie", "shirt", "jacket", "clothes"),
        "woman": ("long dress", "dress", "gown", "clothes"),
        "man": ("suit", "jacket", "clothes"),
    },
}
POSES: dict[Language, dict[Pose, Words]] = {
    "zh": {
        "stand": ("站着", "站立", "站在那里"),
        "sit": ("坐着", "坐下", "坐在那里"),
        "sleep": ("睡着了", "在睡觉", "躺着睡觉", "正在睡觉"),
        "run": ("奔跑", "跑步", "在奔跑", "跑着"),
        "wave": ("挥手", "招手", "在挥手"),
        "crouch": ("蹲着", "蹲下", "蹲在地上"),
        "sing": ("唱歌", "拿着麦克风唱歌", "在唱歌", "拿着话筒唱歌"),
        "read": ("看书", "读书", "在看书", "拿着书阅读"),
        "eat": ("吃东西", "吃饭", "在吃饭", "吃着美食"),
        "bathe": ("洗澡", "泡澡", "在洗澡", "在浴缸里洗澡"),
        "wish": ("许愿", "闭着眼睛许愿", "闭眼许愿", "双手合十许愿"),
        "hug": ("拥抱对方", "抱在一起", "拥抱", "抱着对方"),
        "door": ("开门", "打开门", "推开门", "打开房门"),
        "hold": ("拿着东西", "手里拿着东西"),
    },
    "en": {
        "stand": ("standing", "stands"),
        "sit": ("sitting", "sits", "sitting down"),
        "sleep": ("sleeping", "asleep", "lying asleep", "fast asleep"),
        "run": ("running", "runs"),
        "wave": ("waving", "waves", "waving a hand"),
        "crouch": ("crouching", "crouches", "squatting"),
        "sing": ("singing", "singing with a microphone", "sings into a microphone"),
        "read": ("reading", "reading a book", "reads a book"),
        "eat": ("eating", "eats", "eating a meal"),
        "bathe": ("bathing", "taking a bath", "in the bathtub"),
        "wish": ("making a wish", "making a wish with eyes closed", "wishing with closed eyes"),
        "hug": ("hugging the other", "hugging", "hugs the other"),
        "door": ("opening a door", "opening the door", "opens the door"),
        "hold": ("holding something",),
    },
}
PLACED_POSES: dict[Language, dict[tuple[Pose, Place], Words]] = {
    "zh": {
        ("sit", "living"): ("坐在沙发上",),
        ("sit", "park"): ("坐在长椅上",),
        ("sleep", "bedroom"): ("躺在床上睡觉", "在床上睡着了"),
        ("run", "street"): ("在街上奔跑",),
        ("sing", "stage"): ("在舞台上唱歌",),
    },
    "en": {
        ("sit", "living"): ("sitting on the sofa",),
        ("sit", "park"): ("sitting on a bench",),
        ("sleep", "bedroom"): ("sleeping in bed", "asleep on the bed"),
        ("run", "street"): ("running down the street",),
        ("sing", "stage"): ("singing on stage",),
    },
}
PROPS: dict[Language, dict[Prop, Words]] = {
    "zh": {
        "flowers": ("花", "一束花", "鲜花"),
        "balloon": ("气球", "红气球"),
        "gift": ("礼物", "礼物盒"),
        "umbrella": ("伞", "雨伞"),
        "lantern": ("灯笼", "红灯笼"),
    },
    "en": {
        "flowers": ("flowers", "a bunch of flowers"),
        "balloon": ("a balloon", "a red balloon"),
        "gift": ("a gift", "a present"),
        "umbrella": ("an umbrella",),
        "lantern": ("a lantern",),
    },
}
EXPRESSIONS: dict[Language, dict[Expression, Words]] = {
    "zh": {
        "smile": ("微笑", "面带微笑"),
        "laugh": ("大笑", "开心地笑", "开心"),
        "sad": ("难过", "伤心", "流泪"),
        "surprised": ("惊讶", "吃惊"),
    },
    "en": {
        "smile": ("smiling", "with a smile"),
        "laugh": ("laughing", "happy"),
        "sad": ("sad", "crying"),
        "surprised": ("surprised", "astonished"),
    },
}
PLACES: dict[Language, dict[Place, Words]] = {
    "zh": {
        "living": ("客厅里", "在客厅", "家里客厅", "在家里", "客厅有沙发和电视"),
        "bedroom": ("卧室里", "在卧室", "房间里有一张床", "在房间的床边"),
        "doorway": ("家门口", "在门口", "房门口", "门前"),
        "bathroom": ("浴室里", "在浴室", "浴室里有浴缸", "卫生间"),
        "kitchen": ("厨房里", "在厨房", "厨房"),
        "classroom": ("教室里", "在教室", "教室有黑板", "学校教室"),
        "practice": ("练习室里", "在练习室", "舞蹈练习室", "有镜子的练习室"),
        "dressing": ("化妆间", "在化妆间里", "后台化妆室", "更衣室"),
        "stage": ("舞台上", "在舞台上", "灯光闪耀的舞台", "舞台"),
        "audience": ("演唱会观众席", "在观众席", "演唱会现场的观众中", "演唱会台下"),
        "park": ("公园里", "在公园", "公园的草地上", "公园"),
        "street": ("街道上", "在街上", "城市街头", "马路边"),
        "beach": ("海边", "在沙滩上", "海滩", "大海边"),
        "forest": ("森林里", "在森林", "树林里", "森林"),
        "mountain": ("山上", "在山顶", "高山", "雪山前的草地"),
        "snow": ("雪地里", "在雪地", "下雪天", "冬天的雪地"),
        "cafe": ("咖啡馆", "在咖啡馆里", "咖啡店", "咖啡厅里"),
        "stars": ("星空下", "流星雨的夜空", "有流星的星空", "流星划过夜空"),
    },
    "en": {
        "living": (
            "in the living room",
            "at home",
            "living room with sofa and television",
            "in a living room",
        ),
        "bedroom": ("in the bedroom", "in a bedroom", "bedroom with a bed"),
        "doorway": ("at the door", "in front of the house door", "in the doorway", "at the doorstep"),
        "bathroom": ("in the bathroom", "in a bathroom", "bathroom with a bathtub"),
        "kitchen": ("in the kitchen", "in a kitchen"),
        "classroom": ("in the classroom", "in a classroom", "classroom with a blackboard", "at school"),
        "practice": ("in the practice room", "in the dance studio", "practice room with mirrors"),
        "dressing": ("in the dressing room", "in the backstage dressing room"),
        "stage": ("on the stage", "on stage", "stage with spotlights"),
        "audience": ("in the concert audience", "in the audience", "in the crowd at a concert"),
        "park": ("in the park", "in a park", "on the grass in the park"),
        "street": ("on the street", "in the street", "city street", "on a street"),
        "beach": ("on the beach", "at the seaside", "by the sea", "at the beach"),
        "forest": ("in the forest", "in a forest", "in the woods"),
        "mountain": ("on the mountain", "in the mountains", "on a mountain meadow"),
        "snow": ("in the snow", "on a snowy field", "in winter snow"),
        "cafe": ("in the cafe", "in a cafe", "in a coffee shop"),
        "stars": ("under the night sky with shooting stars", "under shooting stars", "starry night sky"),
    },
}
TIMES: dict[Language, dict[Time, Words]] = {
    "zh": {
        "day": ("白天", "阳光明媚", "上午", "晴天"),
        "dusk": ("傍晚", "黄昏", "夕阳下"),
        "night": ("夜晚", "晚上", "深夜", "夜里"),
    },
    "en": {
        "day": ("by day", "daytime", "sunny day", "in the morning"),
        "dusk": ("at dusk", "in the evening", "at sunset"),
        "night": ("at night", "by night", "late at night"),
    },
}
FRAMINGS: dict[Language, dict[Framing, Words]] = {
    "zh": {"full": ("全身", "中景"), "close": ("近景", "特写", "近距离"), "far": ("远景", "远远的")},
    "en": {
        "full": ("full body", "medium shot"),
        "close": ("close-up", "close shot"),
        "far": ("wide shot", "far away"),
    },
}
STYLES: dict[Language, dict[Style, Words]] = {
    "zh": {
        "flat": ("卡通", "卡通风格", "二次元", "动画风格"),
        "ink": ("水墨画", "水墨画风格", "水墨风格"),
        "watercolour": ("水彩画", "水彩画风格", "水彩风格"),
        "cyberpunk": ("赛博朋克", "赛博朋克风格", "赛博朋克画风"),
        "pixel": ("像素画", "像素风格", "像素风"),
        "papercut": ("剪纸", "剪纸风格", "剪纸画"),
    },
    "en": {
        "flat": ("cartoon", "cartoon style", "anime style"),
        "ink": ("ink wash", "ink wash painting", "chinese ink style"),
        "watercolour": ("watercolour", "watercolor painting", "watercolour style"),
        "cyberpunk": ("cyberpunk", "cyberpunk style", "neon cyberpunk"),
        "pixel": ("pixel art", "pixel style"),
        "papercut": ("paper-cut", "paper-cut style", "papercut art"),
    },
}
DEGRADATIONS: dict[Language, dict[Degradation, Words]] = {
    "zh": {
        "ugly": ("丑陋", "难看"),
        "deformed": ("变形", "扭曲", "畸形"),
        "noisy": ("嘈杂", "噪点", "杂乱"),
        "blurred": ("模糊", "画面模糊", "不清晰"),
        "low-contrast": ("低对比度", "灰暗"),
    },
    "en": {
        "ugly": ("ugly",),
        "deformed": ("deformed", "distorted"),
        "noisy": ("noisy", "noise"),
        "blurred": ("blurred", "blurry"),
        "low-contrast": ("low contrast", "dull"),
    },
}
BAD: dict[Language, Words] = {"zh": ("低质量", "质量差", "糟糕"), "en": ("low quality", "bad quality")}
GOOD: dict[Language, Words] = {
    "zh": ("高质量", "清晰", "精美", "高清", "画质精致"),
    "en": ("high quality", "sharp", "beautiful", "detailed"),
}
