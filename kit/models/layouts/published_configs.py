"""The config.json beside the weights of each network, as diffusers and ChatGLM's own code write it."""

from pydantic import BaseModel, Field, PositiveFloat, PositiveInt

from kit.models.sizes import LATENT_CHANNELS, UNetSizes, VaeSizes


class UNetConfig(BaseModel):
    """What diffusers says of a UNet."""

    block_out_channels: tuple[PositiveInt, PositiveInt, PositiveInt]
    transformer_layers_per_block: tuple[PositiveInt, PositiveInt, PositiveInt]
    attention_head_dim: tuple[PositiveInt, PositiveInt, PositiveInt]
    """Heads of each level, whatever the name says."""
    addition_time_embed_dim: PositiveInt
    encoder_hid_dim: PositiveInt
    cross_attention_dim: PositiveInt
    norm_num_groups: PositiveInt
    in_channels: PositiveInt = LATENT_CHANNELS

    def sizes(self) -> UNetSizes:
        """Return them as `UNetSizes`."""
        fine, *_ = self.block_out_channels
        return UNetSizes(
            widths=self.block_out_channels,
            time=4 * fine,
            time_ids=self.addition_time_embed_dim,
            pooled=self.encoder_hid_dim,
            cross=self.cross_attention_dim,
            head=fine // self.attention_head_dim[0],
            groups=self.norm_num_groups,
            layers=self.transformer_layers_per_block[1:],
            in_channels=self.in_channels,
        )


class VaeConfig(BaseModel):
    """What diffusers says of an autoencoder."""

    block_out_channels: tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt]
    norm_num_groups: PositiveInt
    scaling_factor: PositiveFloat
    down_block_out_channels: tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt] | None = None
    """Of an autoencoder whose halves differ, as that of the embedded base."""

    def sizes(self) -> VaeSizes:
        """Return them as `VaeSizes`."""
        widths = self.block_out_channels
        encoder = self.down_block_out_channels or widths
        return VaeSizes(encoder=encoder, decoder=widths, groups=self.norm_num_groups)


class TextConfig(BaseModel):
    """What `TextSizes` names, under ChatGLM's names."""

    vocabulary: PositiveInt = Field(alias="padded_vocab_size")
    hidden: PositiveInt = Field(alias="hidden_size")
    layers: PositiveInt = Field(alias="num_layers")
    head: PositiveInt = Field(alias="kv_channels")
    groups: PositiveInt = Field(alias="multi_query_group_num")
    ffn: PositiveInt = Field(alias="ffn_hidden_size")
