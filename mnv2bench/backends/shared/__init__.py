"""What several backends share: sessions on torch's tensors and on CUDA streams, CUDA graphs, TensorRT's log."""
